"""Rendering clips again that ended without a video: a new job takes the place of the old one, which is kept."""

from __future__ import annotations

import json
import re
from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Final
from uuid import UUID

from sqlalchemy import ColumnElement, select
from sqlalchemy.orm import Session

from models.base import new_id
from models.campaign import Campaign
from models.job_event import JobEvent
from models.job_reference import JobReference
from models.operations.bulk_copy import (
    EVENT_COLUMNS,
    JOB_COLUMNS,
    JSON_COLUMNS,
    REFERENCE_COLUMNS,
    copy_rows,
    new_job_values,
)
from models.operations.campaigns.current_clips import CurrentClip, current_clips, supersede
from models.operations.jobs.current_clip import IS_CURRENT
from models.operations.jobs.request_rows import OPTION_ATTRIBUTES
from models.render_job import RenderJob
from reelqueue.campaigns.filters import Condition, Rows
from reelqueue.failure_codes import FailureCode
from reelqueue.states import TERMINAL, FailureClass, RenderState

RETRYABLE: Final = frozenset(
    {RenderState.FAILED, RenderState.MODERATED, RenderState.LOST, RenderState.EXPIRED, RenderState.CANCELLED}
)
"""Not ``timed_out``: its video may still be collected, and would be paid for twice."""
_KEPT_FACTS: Final = (
    "tenant_id", "campaign_id", "request_sha256", "extra_options", "warnings", "content_sha256", "output_path",
    "clip_variant", "clip_variables", "clip_line", "is_continued",
)  # fmt: skip
"""Columns that the new job has from the old one beside the options of its request."""


@dataclass(frozen=True, kw_only=True)
class Which:
    """The clips that are rendered again; what is empty chooses all."""

    states: Collection[RenderState] = ()
    failure_classes: Collection[FailureClass] = ()
    codes: Collection[str] = ()
    custom_ids: Collection[str] = ()
    job_ids: Collection[UUID] = ()
    where: Collection[Condition] = ()
    """All of which must hold."""


def find_retries(session: Session, campaign_id: UUID, which: Which, *, limit: int) -> list[RenderJob]:
    """The clips that are chosen, oldest first, and with each those that were given up because of it."""
    chosen = [
        RenderJob.campaign_id == campaign_id,
        RenderJob.state.in_(which.states or RETRYABLE - {RenderState.CANCELLED}),
        *IS_CURRENT,
    ]
    given = (
        (RenderJob.failure_class, which.failure_classes),
        (RenderJob.failure_code, which.codes),
        (RenderJob.custom_id, which.custom_ids),
        (RenderJob.id, which.job_ids),
    )
    chosen += [column.in_(values) for column, values in given if values]
    chosen += [_holds(condition) for condition in which.where]
    found = {
        job.id: job for job in session.scalars(select(RenderJob).where(*chosen).order_by(RenderJob.id).limit(limit))
    }
    frontier = list(found)
    while frontier and len(found) < limit:
        followers = session.scalars(
            select(RenderJob).where(
                RenderJob.after_job_id.in_(frontier),
                RenderJob.failure_code == FailureCode.PREDECESSOR_FAILED,
                *IS_CURRENT,
            )
        )
        fresh = {job.id: job for job in followers if job.id not in found}
        found |= fresh
        frontier = list(fresh)
    return [found[job_id] for job_id in sorted(found)]


def _holds(condition: Condition) -> ColumnElement[bool]:
    if isinstance(condition, Rows):
        return RenderJob.clip_line.between(condition.first, condition.last)
    value: ColumnElement[str] = (
        RenderJob.clip_variables[condition.name].astext if condition.is_variable else getattr(RenderJob, condition.name)
    )
    return value.like(_like(condition.pattern), escape="/")


def _like(pattern: str) -> str:
    """With SQL's wildcard in the place of ours, and its own wildcards as letters."""
    return "%".join(re.sub(r"[/%_]", r"/\g<0>", part) for part in pattern.split("*"))


def retry_clips(session: Session, campaign: Campaign, jobs: Sequence[RenderJob], *, now: datetime) -> None:
    """Let new jobs take the place of ended ones.

    Args:
        session: In a transaction that holds `lock_clips`; the caller commits, then sends a dispatch hint.
        campaign: Theirs.
        jobs: Of `find_retries`.
        now: The time.
    """
    heirs = {job.id: new_id() for job in jobs}
    standing = _predecessors(session, campaign.id, jobs)
    rows = [_row(campaign, job, heirs, standing, now) for job in jobs]
    supersede(session, heirs, now=now)
    copy_rows(session, RenderJob, JOB_COLUMNS, rows)
    copy_rows(session, JobReference, REFERENCE_COLUMNS, list(_references(session, heirs)))
    events = (
        (heir, now, "state", RenderState.QUEUED, json.dumps({"retry_of": str(old)})) for old, heir in heirs.items()
    )
    copy_rows(session, JobEvent, EVENT_COLUMNS, events)


def _predecessors(session: Session, campaign_id: UUID, jobs: Iterable[RenderJob]) -> dict[UUID, CurrentClip]:
    """What stands now for the clips that the jobs came after, by the job that they named."""
    named = [job.after_job_id for job in jobs if job.after_job_id is not None]
    ids = dict(session.execute(select(RenderJob.id, RenderJob.custom_id).where(RenderJob.id.in_(named))).all())
    standing = current_clips(session, campaign_id, {name for name in ids.values() if name is not None})
    return {job_id: standing[name] for job_id, name in ids.items() if name in standing}


def _row(
    campaign: Campaign, job: RenderJob, heirs: dict[UUID, UUID], standing: dict[UUID, CurrentClip], now: datetime
) -> tuple[object, ...]:
    values = new_job_values() | {name: getattr(job, name) for name in _KEPT_FACTS}
    values |= {name: getattr(job, attribute) for name, attribute in OPTION_ATTRIBUTES.items()}
    # A moment that has passed would let the new one expire at once, and who retries wants it rendered.
    start_by = next((at for at in (job.start_by, campaign.start_by) if at is not None and at > now), None)
    values |= {"id": heirs[job.id], "state": RenderState.QUEUED, "created_at": now, "start_by": start_by}
    values |= _after(job, heirs, standing)
    for name in JSON_COLUMNS:
        if values[name] is not None:
            values[name] = json.dumps(values[name])
    return tuple(values.get(name) for name in JOB_COLUMNS)


def _after(job: RenderJob, heirs: dict[UUID, UUID], standing: dict[UUID, CurrentClip]) -> dict[str, object]:
    before = standing.get(job.after_job_id) if job.after_job_id is not None else None
    if before is None:
        return {"after_job_id": job.after_job_id, "is_awaiting": False}
    if before.job_id in heirs:
        return {"after_job_id": heirs[before.job_id], "is_awaiting": True}
    is_over = before.state is RenderState.SUCCEEDED if job.is_continued else before.state in TERMINAL
    return {"after_job_id": before.job_id, "is_awaiting": not is_over}


def _references(session: Session, heirs: dict[UUID, UUID]) -> Iterable[tuple[object, ...]]:
    for reference in session.scalars(select(JobReference).where(JobReference.job_id.in_(heirs))).all():
        own = tuple(getattr(reference, name) for name in REFERENCE_COLUMNS[1:])
        yield (heirs[reference.job_id], *own)
