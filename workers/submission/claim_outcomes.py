"""Moves a claimed job whose submit created no task, or none that can be proven.

Each move is fenced by the claim's epoch: a worker that wakes up late finds the job with a new owner
and changes nothing.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Final
from uuid import UUID

import structlog
from sqlalchemy import select, update
from sqlalchemy.orm import Session

from models.account import Account
from models.attempt import Attempt
from models.operations.accounts import pause_account
from models.operations.jobs.transitions import move, record
from models.slot import Slot
from reelqueue.backoff import Backoff
from reelqueue.failure_codes import FailureCode
from reelqueue.states import OPEN_ATTEMPT, UNSENT, AttemptState, FailureClass, RenderState
from workers.settings import ReconcileSettings

log = structlog.get_logger(__name__)

THROTTLE_BACKOFF: Final = Backoff(first_seconds=1, longest_seconds=60, jitter=0.5)
"""Before the next submit to an account and model after refusals in a row."""
_MISDIRECTED_LIMIT: Final = 3
"""So many answers in a row that are not the provider's mean that the account's address is wrong."""


@dataclass(frozen=True)
class Reason:
    """Class, code and message of a refusal."""

    failure_class: FailureClass
    code: str | None
    message: str

    def columns(self) -> dict[str, Any]:
        """The job's columns that say so."""
        return {
            "failure_class": self.failure_class,
            "failure_code": self.code,
            "failure_message": self.message,
        }


def requeue(
    session: Session,
    job_id: UUID,
    *,
    epoch: int,
    now: datetime,
    reason: Reason | None = None,
    not_before_at: datetime | None = None,
) -> None:
    """Move a claimed job back to the queue, without its slot; a pending cancel is applied there."""
    values = reason.columns() if reason else {}
    values |= {"account_id": None, "not_before_at": not_before_at}
    claimed = (RenderState.SUBMITTING, RenderState.NEEDS_REVIEW)
    move(session, job_id, claimed, RenderState.QUEUED, now=now, epoch=epoch, **values)


def is_misdirected(session: Session, account_id: UUID) -> bool:
    """Whether the last few answers to an account's submits were another service's."""
    answered = select(Attempt.error_code).where(Attempt.account_id == account_id, Attempt.closed_at.is_not(None))
    newest = session.scalars(answered.order_by(Attempt.id.desc()).limit(_MISDIRECTED_LIMIT)).all()
    return list(newest) == [FailureCode.NOT_DASHSCOPE] * _MISDIRECTED_LIMIT


def hold_account(session: Session, job_id: UUID, account: Account, reason: str, *, epoch: int, now: datetime) -> None:
    """Pause the account and keep the job for when it is resumed."""
    pause_account(session, account.id, reason, now=now)
    held = Reason(FailureClass.ACCOUNT, None, f"account {account.name} is paused: {reason}")
    requeue(session, job_id, epoch=epoch, now=now, reason=held)


def end(session: Session, job_id: UUID, reason: Reason, *, epoch: int, now: datetime) -> Slot | None:
    """End a job that cannot be rendered as it is, and for which nothing was created.

    Returns:
        The slot that it held, or None if another transaction has moved it meanwhile.
    """
    moderated = reason.failure_class is FailureClass.MODERATION
    to_state = RenderState.MODERATED if moderated else RenderState.FAILED
    claimed = (RenderState.SUBMITTING, RenderState.NEEDS_REVIEW)
    moved = move(session, job_id, claimed, to_state, now=now, epoch=epoch, **reason.columns())
    return moved.slot if moved else None


def expire(session: Session, job_id: UUID, *, now: datetime) -> bool:
    """End a job whose ``start_by`` has passed before it was submitted; False if a worker has claimed it meanwhile."""
    message = "not submitted before its start_by; enqueue it again with a later one"
    return move(session, job_id, UNSENT, RenderState.EXPIRED, now=now, failure_message=message) is not None


def mark_ambiguous(
    session: Session, attempt_id: UUID, job_id: UUID, seen: str, rules: ReconcileSettings, *, now: datetime
) -> None:
    """Mark an open attempt as ambiguous: its job waits until the provider's task list was searched."""
    look_at = now + timedelta(seconds=rules.first_look_seconds)
    open_one = update(Attempt).where(Attempt.id == attempt_id, Attempt.state.in_(OPEN_ATTEMPT))
    session.execute(open_one.values(state=AttemptState.AMBIGUOUS, closed_at=now, reconcile_at=look_at))
    record(session, job_id, "ambiguous", now=now, detail={"seen": seen[:200]})
    log.warning("render_job.ambiguous", job_id=str(job_id), seen=seen)


def park_job(session: Session, job_id: UUID, seen: str, *, epoch: int, now: datetime) -> None:
    """Move a job whose attempt stays ambiguous to review; it keeps its slot, as its task may exist."""
    message = (
        f"the provider may have accepted the submit, and its task list cannot prove it ({seen}); "
        "look there before it is submitted again: python -m workers review list"
    )
    reason = Reason(FailureClass.UNKNOWN, None, message)
    move(session, job_id, [RenderState.SUBMITTING], RenderState.NEEDS_REVIEW, now=now, epoch=epoch, **reason.columns())
