"""Results that wait for the archive: how many, until when, and the alarm before one of them is gone."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final
from uuid import UUID

import structlog
from sqlalchemy import exists, func, select
from sqlalchemy.orm import Session

from models.attempt import Attempt
from models.job_event import STORE_FAILED, JobEvent
from models.operations.jobs.transitions import record
from models.operations.webhooks.events import announce_expiring
from models.render_job import RenderJob
from reelqueue.states import AttemptState, RenderState
from workers.archive.fetch_lease import expiry

log = structlog.get_logger(__name__)

_EXPIRING: Final = "result_expiring"
_WAITS: Final = RenderJob.next_archive_at.is_not(None)
_IS_TOLD: Final = exists().where(JobEvent.job_id == RenderJob.id, JobEvent.kind == _EXPIRING)
TASK_LIFE: Final = timedelta(hours=24)
"""So long the provider keeps a task, and gives its result out."""


@dataclass(frozen=True)
class Backlog:
    """The results that wait for the archive."""

    count: int
    expires_at: datetime | None
    """When the first of them is gone."""
    refusal: str | None
    """What the archive said last about one of them."""

    def words(self, now: datetime) -> str:
        """The backlog as one line for operators."""
        if self.expires_at is None:
            return "no result waits"
        left_hours = (self.expires_at - now) / timedelta(hours=1)
        said = f"; the archive said last: {self.refusal}" if self.refusal else ""
        results = "result waits" if self.count == 1 else "results wait"
        return f"{self.count} {results}, the first is gone in {left_hours:.1f} h{said}"

    def is_healthy(self, now: datetime, alarm: timedelta) -> bool:
        """Whether no result is near its expiry."""
        return self.refusal is None and (self.expires_at is None or self.expires_at - now > alarm)


def read_backlog(session: Session) -> Backlog:
    """Read how many results wait now, and when the first of them expires."""
    waiting = select(func.count(), func.min(expiry())).select_from(RenderJob).where(_WAITS)
    count, expires_at = session.execute(waiting).one()
    said = (
        select(JobEvent.detail["reason"].astext)
        .join(RenderJob, RenderJob.id == JobEvent.job_id)
        .where(_WAITS, JobEvent.kind == STORE_FAILED)
        .order_by(JobEvent.id.desc())
        .limit(1)
    )
    return Backlog(count, expires_at, session.scalars(said).one_or_none())


def raise_expiry_alarms(session: Session, before: timedelta, *, limit: int, now: datetime) -> Sequence[UUID]:
    """Raise one alarm for each waiting result that expires soon: in the log, the job's history and by webhook.

    Args:
        session: In a transaction; the caller commits.
        before: How long before it is gone.
        limit: Most at a time.
        now: The time, by the database's clock.

    Returns:
        The jobs.
    """
    late = (
        select(RenderJob.id, expiry())
        .where(_WAITS, expiry() <= now + before, ~_IS_TOLD)
        .order_by(expiry())
        .limit(limit)
        .with_for_update(of=RenderJob, skip_locked=True)
    )
    found = [(job_id, expires_at) for job_id, expires_at in session.execute(late)]
    return _tell(session, found, "python -m workers doctor says what the archive said", now)


def sound_review_alarm(session: Session, before: timedelta, *, limit: int, now: datetime) -> Sequence[UUID]:
    """Raise one alarm for each job under review whose task, if there is one, expires soon with its result.

    Args:
        session: In a transaction; the caller commits.
        before: How long before it is gone.
        limit: Most at a time.
        now: The time, by the database's clock.

    Returns:
        The jobs.
    """
    late = (
        select(RenderJob.id, Attempt.sent_at)
        .join(Attempt, Attempt.job_id == RenderJob.id)
        .where(
            RenderJob.state == RenderState.NEEDS_REVIEW,
            Attempt.epoch == RenderJob.epoch,
            Attempt.state == AttemptState.UNRESOLVED,
            Attempt.sent_at <= now + before - TASK_LIFE,
            ~_IS_TOLD,
        )
        .order_by(Attempt.sent_at)
        .limit(limit)
        .with_for_update(of=RenderJob, skip_locked=True)
    )
    found = [(job_id, sent_at + TASK_LIFE) for job_id, sent_at in session.execute(late) if sent_at is not None]
    return _tell(session, found, "python -m workers review list", now)


def _tell(session: Session, found: list[tuple[UUID, datetime]], remedy: str, now: datetime) -> list[UUID]:
    for job_id, expires_at in found:
        left_hours = round((expires_at - now) / timedelta(hours=1), 1)
        record(session, job_id, _EXPIRING, now=now, detail={"hours_left": left_hours})
        log.error("render_job.result_expiring", job_id=str(job_id), hours_left=left_hours, remedy=remedy)
    job_ids = [job_id for job_id, _ in found]
    if job_ids:
        announce_expiring(session, job_ids, now=now)
    return job_ids
