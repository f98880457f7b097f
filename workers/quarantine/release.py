"""Lists jobs in quarantine, and retries them once the cause of the deaths is gone."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final
from uuid import UUID

from sqlalchemy import and_, select, update
from sqlalchemy.orm import Session

from models.operations.jobs.cancel import request_cancel
from models.operations.jobs.newest_task import newest_task
from models.operations.jobs.transitions import move
from models.operations.scheduling.poll_wakeups import Wake, wake_lane
from models.render_job import RenderJob
from models.slot import Slot
from reelqueue.errors import ReelqueueError
from reelqueue.states import COLLECTABLE, FailureClass, RenderState

_HELD: Final = (RenderState.NEEDS_REVIEW, *COLLECTABLE)
_FORGIVEN: Final[dict[str, Any]] = {
    "death_count": 0,
    "failure_class": None,
    "failure_code": None,
    "failure_message": None,
}


class NotQuarantinedError(ReelqueueError):
    """A job was not set aside, so there is nothing to retry."""

    def __init__(self, job_id: UUID) -> None:
        super().__init__(job_id)
        self.job_id = job_id

    def __str__(self) -> str:
        return f"render job {self.job_id} is not in quarantine; see python -m workers review list"


@dataclass(frozen=True)
class Quarantined:
    """A job that was set aside."""

    job_id: UUID
    model: str
    state: RenderState
    why: str | None


def quarantined(session: Session) -> list[Quarantined]:
    """Every job that was set aside, the oldest first."""
    ours = and_(RenderJob.failure_class == FailureClass.POISON, RenderJob.state.in_(_HELD))
    jobs = session.scalars(select(RenderJob).where(ours).order_by(RenderJob.created_at))
    return [Quarantined(job.id, job.model, job.state, job.failure_message) for job in jobs]


def is_quarantined(job: RenderJob) -> bool:
    """Whether it was set aside."""
    return job.failure_class is FailureClass.POISON and job.state in _HELD


def retry(session: Session, job_id: UUID, *, now: datetime) -> Wake | None:
    """Continue where the job stopped: fetch its result, poll its task, or queue it if it was never sent.

    Args:
        session: In a transaction; the caller commits, then hints.
        job_id: The job.
        now: The time.

    Returns:
        The poll message to send, if it is to be polled.

    Raises:
        NotQuarantinedError: It was not set aside.
    """
    job = session.get(RenderJob, job_id, with_for_update=True)
    if job is None or not is_quarantined(job):
        raise NotQuarantinedError(job_id)
    task = session.scalars(newest_task(job_id)).one_or_none()
    if task is None:
        move(session, job_id, [job.state], RenderState.QUEUED, now=now, account_id=None, **_FORGIVEN)
        return None
    is_over = session.get(Slot, job_id) is None  # one that shows a result before its end is not billed yet
    if task.result_url is not None and is_over:
        _go_on(session, job, RenderState.ARCHIVING, now, next_archive_at=now)
        return None
    _go_on(session, job, RenderState.RENDERING, now, next_poll_at=now)
    if job.cancel_requested_at is not None:
        request_cancel(session, job_id, now=now, abandon_running=job.abandon_running)
    return wake_lane(session, task.account_id, now)


def _go_on(session: Session, job: RenderJob, to_state: RenderState, now: datetime, **values: Any) -> None:
    if job.state is RenderState.NEEDS_REVIEW:
        move(session, job.id, [job.state], to_state, now=now, **_FORGIVEN, **values)
    else:  # it has ended, and only its late result is collected
        session.execute(update(RenderJob).where(RenderJob.id == job.id).values(**_FORGIVEN, **values))
