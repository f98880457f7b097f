"""What clips would cost by the prices that count: rendered again, or for the first time."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from typing import Any, Final
from uuid import UUID

from sqlalchemy import func, select
from sqlalchemy.dialects.postgresql import aggregate_order_by
from sqlalchemy.orm import InstrumentedAttribute, Session

from api.views.references import References, read_references
from models.job_reference import JobReference
from models.operations.jobs.current_clip import IS_CURRENT
from models.operations.jobs.request_rows import to_request
from models.operations.money.prices import known_prices
from models.render_job import RenderJob
from reelqueue.catalog.price_list import Prices
from reelqueue.errors import InvalidRequestError
from reelqueue.pricing import CostEstimate, estimate
from reelqueue.requests.media_roles import PICTURE_URL, VIDEO_URL
from reelqueue.requests.option_table import REQUEST_OPTIONS
from reelqueue.schemas.campaigns import RetriedClips
from reelqueue.states import RenderState

_AT_ONCE: Final = 500
_NAMED: Final = 100
_PRICED_BY: Final[tuple[InstrumentedAttribute[Any], ...]] = (
    *(getattr(RenderJob, option.name) for option in REQUEST_OPTIONS if option.is_priced and option.has_column),
    RenderJob.mode,
    RenderJob.extra_options,
    RenderJob.is_continued,
)
# What they are, not where: the price asks for the videos among them, and for what may be one.
_EACH: Final = func.concat(
    JobReference.role,
    JobReference.media_type,
    # Of an embedded one, which may be long, the beginning tells.
    *(func.left(JobReference.url, 8_192).regexp_match(pattern, flags="i") for pattern in (VIDEO_URL, PICTURE_URL)),
)
_REFERENCES: Final = (
    select(func.array_agg(aggregate_order_by(_EACH, JobReference.position)))
    .where(JobReference.job_id == RenderJob.id)
    .correlate(RenderJob)
    .scalar_subquery()
)


def retried(session: Session, jobs: Sequence[RenderJob], *, region: str, is_dry_run: bool) -> RetriedClips:
    """How many clips these are, and the most that they cost."""
    costs: list[CostEstimate | None] = []
    prices = known_prices(session)
    for begin in range(0, len(jobs), _AT_ONCE):
        some = jobs[begin : begin + _AT_ONCE]
        references = read_references(session, [job.id for job in some])
        costs += [_cost(job, references.get(job.id, References()), region, prices) for job in some]
    priced = [cost for cost in costs if cost is not None]
    return RetriedClips(
        count=len(jobs),
        is_dry_run=is_dry_run,
        max_amount=sum((cost.max_amount for cost in priced), Decimal(0)),
        currency=priced[0].currency if priced else None,
        unpriced_count=len(costs) - len(priced),
        unpriced_ids=[_name(job) for job, cost in zip(jobs, costs, strict=True) if cost is None][:_NAMED],
        priced_by=_sources(priced),
        custom_ids=[job.custom_id for job in jobs[:_NAMED] if job.custom_id is not None],
    )


@dataclass(frozen=True)
class Offer:
    """Clips that are to be rendered once a person agrees."""

    count: int
    max_amount: Decimal
    """The most that those with a price may cost."""
    currency: str | None
    """ISO 4217 code; None: none has a price."""
    unpriced_count: int
    unpriced_ids: list[str]
    """One clip of each kind without a price, a hundred at most."""
    priced_by: list[str]
    """Where the prices are from, and of what day."""


def waiting(session: Session, campaign_id: UUID, *, region: str, created_at: datetime | None = None) -> Offer:
    """What the queued clips of a campaign would cost; one is priced of each kind, as there may be a million.

    Args:
        session: To read with.
        campaign_id: The campaign.
        region: Whose prices count.
        created_at: Only those that were stored then, which is what one import has stored; None: all.
    """
    kinds = (*_PRICED_BY, _REFERENCES)
    first = func.array_agg(RenderJob.id)[1]
    queued = [RenderJob.campaign_id == campaign_id, RenderJob.state == RenderState.QUEUED, *IS_CURRENT]
    if created_at is not None:
        queued.append(RenderJob.created_at == created_at)
    counts: dict[UUID, int] = dict(session.execute(select(first, func.count()).where(*queued).group_by(*kinds)).all())
    jobs = session.scalars(select(RenderJob).where(RenderJob.id.in_(counts))).all()
    references = read_references(session, list(counts))
    prices = known_prices(session)
    costs = [(job, counts[job.id], _cost(job, references.get(job.id, References()), region, prices)) for job in jobs]
    priced = [(count, cost) for _, count, cost in costs if cost is not None]
    return Offer(
        count=sum(counts.values()),
        max_amount=sum((count * cost.max_amount for count, cost in priced), Decimal(0)),
        currency=priced[0][1].currency if priced else None,
        unpriced_count=sum(count for _, count, cost in costs if cost is None),
        unpriced_ids=[_name(job) for job, _, cost in costs if cost is None][:_NAMED],
        priced_by=_sources([cost for _, cost in priced]),
    )


def _sources(costs: Sequence[CostEstimate]) -> list[str]:
    """Where prices are from, and of what day: ``provider 2026-11-30``."""
    return sorted({f"{cost.source} {cost.priced_on.isoformat()}" for cost in costs})


def _name(job: RenderJob) -> str:
    return job.custom_id or str(job.id)


def _cost(job: RenderJob, references: References, region: str, prices: Prices) -> CostEstimate | None:
    try:
        return estimate(to_request(job, references.rows), region, prices=prices)
    except InvalidRequestError:
        return None  # its submit will say why it cannot be sent
