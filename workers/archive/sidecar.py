"""Describes a clip in the JSON file beside it: request, task and files."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from pathlib import PurePosixPath
from typing import Any, Final

from sqlalchemy import case, func, select
from sqlalchemy.orm import Session

from models.asset import AssetKind
from models.campaign import Campaign
from models.job_reference import JobReference
from models.ledger_entry import SPENT_KINDS, LedgerEntry
from models.provider_task import ProviderTask
from models.render_job import RenderJob
from reelqueue.requests.option_table import REQUEST_OPTIONS, Role
from reelqueue.schemas.sidecar import ClipCost, ClipFile, ClipMedia, ClipProvider, ClipReference, ClipTimes, Sidecar
from reelqueue.version import VERSION
from workers.archive.download import Download
from workers.archive.fetch_lease import Fetch
from workers.archive.video_probe import Probe

# The picture of a data URI stands in the request; what is told of it is enough to know it again.
_EMBEDDED_CHARACTERS: Final = 64
_COLUMNS: Final = tuple(
    option.name
    for option in REQUEST_OPTIONS
    if option.has_column and option.role is not Role.JOB and option.name not in Sidecar.model_fields
)
"""Options with a column that no field of the sidecar has."""
_SECRET: Final = frozenset(option.name for option in REQUEST_OPTIONS if option.is_secret)

SUFFIXES: Final[Mapping[AssetKind, tuple[str, str]]] = {
    AssetKind.POSTER: (".jpg", "image/jpeg"),
    AssetKind.LAST_FRAME: (".last.png", "image/png"),
    AssetKind.SIDECAR: (".json", "application/json"),
    AssetKind.VIDEO: (".mp4", "video/mp4"),
}
"""Ending and MIME type of each file of a clip, in the order of keeping: where there is a video, the rest is there."""


def describe_clip(
    session: Session, claim: Fetch, files: Mapping[AssetKind, Download], probe: Probe, *, now: datetime
) -> Sidecar:
    """The description of a fetched clip.

    Args:
        session: To read with.
        claim: The fetch.
        files: Its video, poster and last frame.
        probe: What was measured.
        now: The time, by the database's clock.
    """
    job, task = session.get_one(RenderJob, claim.job_id), claim.task
    return Sidecar(
        reelqueue_version=VERSION,
        job_id=str(job.id),
        campaign=session.get_one(Campaign, job.campaign_id).name,
        custom_id=job.custom_id,
        row=job.clip_line,
        variant=job.clip_variant,
        output=job.output_path,
        variables=job.clip_variables,
        metadata=job.job_metadata,
        model=job.model,
        mode=job.mode,
        prompt=job.prompt,
        actual_prompt=task.actual_prompt,
        negative_prompt=job.negative_prompt,
        seed=job.seed,
        options=_options(job),
        references=_references(session, job),
        provider=_provider(claim),
        billed_seconds=task.billed_seconds,
        cost=_cost(session, job),
        video=_file(claim, AssetKind.VIDEO, files),
        poster=_file(claim, AssetKind.POSTER, files),
        last_frame=_file(claim, AssetKind.LAST_FRAME, files),
        media=ClipMedia(**vars(probe)),
        times=_times(job, task, now),
    )


def _provider(claim: Fetch) -> ClipProvider:
    task = claim.task
    return ClipProvider(
        account=claim.account.name,
        base_url=task.base_url,
        task_id=task.provider_task_id,
        request_id=task.request_id,
    )


def _times(job: RenderJob, task: ProviderTask, now: datetime) -> ClipTimes:
    return ClipTimes(
        created_at=job.created_at,
        submitted_at=task.submitted_at,
        started_at=task.started_at,
        ended_at=task.ended_at,
        archived_at=now,
    )


def _file(claim: Fetch, kind: AssetKind, files: Mapping[AssetKind, Download]) -> ClipFile:
    suffix, content_type = SUFFIXES[kind]
    file = files[kind]
    name = PurePosixPath(claim.key(suffix)).name
    return ClipFile(name=name, content_type=content_type, size_bytes=file.size_bytes, sha256=file.sha256)


def _options(job: RenderJob) -> dict[str, Any]:
    given = {name: _shown(value) for name in _COLUMNS if (value := getattr(job, name)) is not None}
    return given | {name: value for name, value in job.extra_options.items() if name not in _SECRET}


def _shown(value: object) -> object:
    is_embedded = isinstance(value, str) and value.startswith("data:")
    return f"{str(value)[:_EMBEDDED_CHARACTERS]}… ({len(str(value))} bytes)" if is_embedded else value


def _references(session: Session, job: RenderJob) -> list[ClipReference]:
    is_embedded = JobReference.url.startswith("data:")
    # Cut in the database: a job may hold megabytes of pictures.
    short = func.left(JobReference.url, _EMBEDDED_CHARACTERS)
    size = func.concat("… (", func.octet_length(JobReference.url), " bytes)")
    shown = case((is_embedded, func.concat(short, size)), else_=JobReference.url)
    rows = session.execute(
        select(JobReference.role, shown, JobReference.voice_url)
        .where(JobReference.job_id == job.id)
        .order_by(JobReference.position)
    )
    return [ClipReference(role=role, url=url, voice_url=voice) for role, url, voice in rows]


def _cost(session: Session, job: RenderJob) -> list[ClipCost]:
    spent = session.execute(
        select(LedgerEntry.currency, func.sum(LedgerEntry.amount))
        .where(LedgerEntry.job_id == job.id, LedgerEntry.kind.in_(SPENT_KINDS), LedgerEntry.amount.is_not(None))
        .group_by(LedgerEntry.currency)
        .order_by(LedgerEntry.currency)
    )
    return [ClipCost(amount=amount, currency=currency) for currency, amount in spent]
