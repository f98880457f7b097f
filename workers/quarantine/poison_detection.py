"""Quarantine: sets aside a job whose processing kills its workers, so that the others continue.

A worker that dies leaves a row behind: a lease that expired, an intent that was never sent, a batch that never ended.
The step that finds such a row counts one more death, and a step that succeeds resets the count. Three in a row
(``DEATH_LIMIT``) move the job to quarantine, for an operator: ``python -m workers review``.

===================  ============================================  =============================================
died while           found by                                      then
===================  ============================================  =============================================
submitting           the sweep, past ``send_by`` or ``answer_by``  queued again, or searched in the list
asking the provider  the next batch, by the lane's lease           each of the batch is asked about alone
fetching the result  the next fetch, by the job's lease            from the second death on, one such job at a time
===================  ============================================  =============================================

A job that shared a worker with such a job is counted too, but is not processed beside it again, and so succeeds. The
third try waits, so that an outage that ended the first two is over. An unexpected error counts like a death: it would
recur as well.
"""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any, Final
from uuid import UUID

import structlog
from sqlalchemy import ColumnElement, case, exists, or_, update
from sqlalchemy.orm import Session, aliased

from models.operations.jobs.transitions import move, record
from models.render_job import RenderJob
from models.slot import Slot
from reelqueue.failure_codes import FailureCode
from reelqueue.states import COLLECTABLE, TERMINAL, FailureClass, RenderState

log = structlog.get_logger(__name__)

_SUSPICIOUS: Final = 2
_PATIENCE: Final = 4
_HAS_TASK: Final = (RenderState.RENDERING, RenderState.CANCELLING, RenderState.ARCHIVING)

# In the statement that takes a lease, where the columns still say how the last one ended.
_DIED: Final = case((RenderJob.lease_until.is_not(None), 1), else_=0)
_COUNT: Final = RenderJob.death_count + _DIED


def leased(now: datetime, lease: timedelta) -> dict[str, Any]:
    """Columns of a job whose lease is taken; a lease that was not released counts as a worker's death.

    The second lease is longer, which puts the third try off.
    """
    until = case((_COUNT == 1, now + lease_for(lease, 1)), else_=now + lease)
    return {"death_count": _COUNT, "lease_until": until}


def lease_for(lease: timedelta, death_count: int) -> timedelta:
    """How long a worker may have a job before it is believed dead."""
    return lease * (_PATIENCE if death_count == 1 else 1)


def is_not_beside_another(now: datetime) -> ColumnElement[bool]:
    """Whether a lease may be taken: of two suspicious jobs processed at once, either could be the cause."""
    other = aliased(RenderJob)
    in_hand = exists().where(other.id != RenderJob.id, other.death_count >= _SUSPICIOUS, other.lease_until > now)
    return or_(_COUNT < _SUSPICIOUS, ~in_hand)


def third_try_at(now: datetime, lease: timedelta, death_count: int) -> datetime | None:
    """When a job may be tried again that no lease keeps waiting; None: as it would without a death."""
    return now + lease * (_PATIENCE - 1) if death_count == _SUSPICIOUS else None


def count_death(session: Session, job_id: UUID, *, during: str, now: datetime) -> int:
    """Count the death of a worker that processed the job; gives how many died in a row."""
    mine = update(RenderJob).where(RenderJob.id == job_id).values(death_count=RenderJob.death_count + 1)
    count = session.scalars(mine.returning(RenderJob.death_count)).one()
    record_worker_death(session, job_id, count, during=during, now=now)
    return count


def record_worker_death(session: Session, job_id: UUID, count: int, *, during: str, now: datetime) -> None:
    """Keep a death that is counted already in the job's history."""
    record(session, job_id, "worker_died", now=now, detail={"during": during, "in_a_row": count})
    log.warning("render_job.worker_died", job_id=str(job_id), during=during, in_a_row=count)


def quarantine_job(
    session: Session, job_id: UUID, deaths: int, *, during: str, now: datetime, keeps_poll: bool = False
) -> None:
    """Move a job to quarantine until an operator retries it; a task at the provider keeps its slot.

    Args:
        session: In a transaction.
        job_id: The job.
        deaths: How many workers in a row.
        during: What they did.
        now: The time.
        keeps_poll: Whether its task is asked for usage all the same, as that has ended no worker.
    """
    values: dict[str, Any] = {
        **({} if keeps_poll else {"next_poll_at": None}),
        "next_archive_at": None,
        "lease_until": None,
        "failure_class": FailureClass.POISON,
        "failure_code": FailureCode.QUARANTINED,
        "failure_message": (
            f"{deaths} workers in a row died while they processed it ({during}), and their logs say more; when the "
            f"cause is gone: python -m workers review retry {job_id}, which never renders a second time"
        ),
    }
    unsent = move(
        session, job_id, [RenderState.SUBMITTING], RenderState.NEEDS_REVIEW, now=now, frees_slot=True, **values
    )
    # Where it is over already, only its late result is left alone.
    if unsent is None and move(session, job_id, _HAS_TASK, RenderState.NEEDS_REVIEW, now=now, **values) is None:
        late = update(RenderJob).where(RenderJob.id == job_id, RenderJob.state.in_(COLLECTABLE))
        session.execute(late.values(**values))
        # Of one that has its end or waits for an operator, and has no slot, only the bill was asked for.
        asked_for_usage = {*(TERMINAL - COLLECTABLE), RenderState.NEEDS_REVIEW}
        is_over = [RenderJob.state.in_(asked_for_usage), ~exists().where(Slot.job_id == RenderJob.id)]
        session.execute(update(RenderJob).where(RenderJob.id == job_id, *is_over).values(next_poll_at=None))
    log.error("render_job.quarantined", job_id=str(job_id), during=during, deaths=deaths)
