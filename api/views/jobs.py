"""From rows to what the API says about a job."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final
from uuid import UUID

from sqlalchemy import func, select
from sqlalchemy.dialects.postgresql import aggregate_order_by
from sqlalchemy.orm import Session

from api.views.costs import read_costs
from api.views.references import References, read_references
from models.asset import Asset, AssetKind
from models.attempt import Attempt
from models.base import among
from models.campaign import Campaign
from models.operations.jobs.request_rows import to_request
from models.operations.money.prices import known_prices
from models.provider_task import ProviderTask
from models.render_job import RenderJob
from reelqueue.catalog.price_list import Prices
from reelqueue.errors import InvalidRequestError
from reelqueue.pricing import estimate
from reelqueue.requests.base import RenderRequest
from reelqueue.requests.option_table import REQUEST_OPTIONS
from reelqueue.schemas.jobs import EstimatedCost, Failure, Job, PaidCost, VideoAsset
from reelqueue.states import TERMINAL

_NOT_OPTIONS: Final = frozenset(
    option.name for option in REQUEST_OPTIONS if option.is_secret or option.name in Job.model_fields
)
"""Fields of their own in a job, or never shown."""


@dataclass(frozen=True)
class _Related:
    """Rows that hang on some jobs, by job."""

    references: Mapping[UUID, References]
    campaigns: Mapping[UUID, str]
    """Names, by the campaign's id."""
    task_ids: Mapping[UUID, str]
    attempts: Mapping[UUID, Sequence[str | None]]
    """The provider's request id of each, in order."""
    costs: Mapping[UUID, PaidCost]
    assets: Mapping[tuple[UUID, AssetKind], Asset]


def job_views(session: Session, jobs: Sequence[RenderJob], *, region: str) -> list[Job]:
    """*jobs* as the API shows them; a handful of queries, however many they are."""
    related = _related(session, jobs)
    prices = known_prices(session)
    return [_view(job, related, region, prices) for job in jobs]


def job_view(session: Session, job: RenderJob, *, region: str) -> Job:
    """*job* as the API shows it."""
    return job_views(session, [job], region=region)[0]


def asset_url(job_id: UUID) -> str:
    """Where a job's video is, relative to the server's root."""
    return f"/v1/jobs/{job_id}/asset"


def poster_url(job_id: UUID) -> str:
    """Where a job's poster is, relative to the server's root."""
    return f"/v1/jobs/{job_id}/poster"


def _related(session: Session, jobs: Sequence[RenderJob]) -> _Related:
    ids = [job.id for job in jobs]
    campaigns = session.execute(
        select(Campaign.id, Campaign.name).where(Campaign.id.in_({job.campaign_id for job in jobs}))
    )
    tasks = session.execute(
        select(ProviderTask.job_id, ProviderTask.provider_task_id)
        .where(among(ProviderTask.job_id, ids))
        .order_by(ProviderTask.submitted_at)
    )
    attempts = session.execute(
        select(Attempt.job_id, func.array_agg(aggregate_order_by(Attempt.request_id, Attempt.number)))
        .where(among(Attempt.job_id, ids))
        .group_by(Attempt.job_id)
    )
    assets = session.scalars(select(Asset).where(among(Asset.job_id, ids)))
    return _Related(
        references=read_references(session, ids),
        campaigns=dict(campaigns.all()),
        task_ids=dict(tasks.all()),  # the latest wins
        attempts=dict(attempts.all()),
        costs=read_costs(session, jobs),
        assets={(asset.job_id, asset.kind): asset for asset in assets},
    )


def _view(job: RenderJob, related: _Related, region: str, prices: Prices) -> Job:
    references = related.references.get(job.id, References())
    request = _request(job, references)
    attempts = related.attempts.get(job.id, ())
    return Job(
        id=job.id,
        state=job.state,
        is_terminal=job.state in TERMINAL,
        provider_status=job.provider_status,
        model=job.model,
        mode=job.mode,
        prompt=job.prompt,
        negative_prompt=job.negative_prompt,
        options=_options(request, references),
        custom_id=job.custom_id,
        campaign=related.campaigns[job.campaign_id],
        priority=job.priority,
        metadata=job.job_metadata,
        warnings=job.warnings,
        provider_task_id=related.task_ids.get(job.id),
        provider_request_id=attempts[-1] if attempts else None,
        attempt_count=len(attempts),
        poll_count=job.poll_count,
        failure=_failure(job),
        asset=_asset(related.assets.get((job.id, AssetKind.VIDEO))),
        poster_url=poster_url(job.id) if (job.id, AssetKind.POSTER) in related.assets else None,
        estimated_cost=_cost(request, region, prices),
        cost=related.costs.get(job.id),
        collected_late=job.collected_late,
        created_at=job.created_at,
        admitted_at=job.admitted_at,
        submitted_at=job.submitted_at,
        deadline_at=job.poll_deadline_at,
        cancel_requested_at=job.cancel_requested_at,
        finished_at=job.finished_at,
    )


def _request(job: RenderJob, references: References) -> RenderRequest | None:
    """The request as stored, or None where an older version took what this one would refuse."""
    try:
        return to_request(job, references.rows)
    except InvalidRequestError:
        return None


def _cost(request: RenderRequest | None, region: str, prices: Prices) -> EstimatedCost | None:
    cost = None if request is None else estimate(request, region, prices=prices)
    return None if cost is None else EstimatedCost.model_validate(cost)


def _options(request: RenderRequest | None, references: References) -> dict[str, Any]:
    if request is None:
        return {}
    return {name: references.restore(value) for name, value in request.options().items() if name not in _NOT_OPTIONS}


def _failure(job: RenderJob) -> Failure | None:
    if job.failure_class is None and job.failure_message is None:
        return None
    return Failure(failure_class=job.failure_class, code=job.failure_code, message=job.failure_message)


def _asset(asset: Asset | None) -> VideoAsset | None:
    if asset is None:
        return None
    return VideoAsset(
        url=asset_url(asset.job_id),
        content_type=asset.content_type,
        sha256=asset.sha256,
        size_bytes=asset.size_bytes,
        duration_seconds=asset.duration_seconds,
        width=asset.width_px,
        height=asset.height_px,
        has_audio=asset.has_audio,
    )
