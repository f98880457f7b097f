"""Binding: storing a task id for the attempt that made it, in one transaction.

It is the same whether the provider's answer brought the id or its listing did.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Final
from uuid import UUID

import structlog
from sqlalchemy import select, update
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.orm import Session

from models.account import Account
from models.attempt import Attempt
from models.base import new_id
from models.operations.jobs.cancel import request_cancel
from models.operations.jobs.transitions import move
from models.operations.scheduling.poll_intervals import UNMEASURED, Spacing
from models.operations.scheduling.poll_wakeups import NextPoll
from models.provider_task import ProviderTask
from models.render_job import RenderJob
from models.slot import Slot
from reelqueue.errors import ReelqueueError
from reelqueue.states import AttemptState, RenderState
from workers.dashscope import Acceptance
from workers.submission.known_tasks import is_stored, lock_task_id

log = structlog.get_logger(__name__)

_BOUND: Final = (AttemptState.BOUND, AttemptState.ADOPTED)


@dataclass(frozen=True)
class OpenAttempt:
    """An attempt that may have become a paid task, and the job that it fences."""

    attempt_id: UUID
    number: int
    job_id: UUID
    epoch: int
    """The job's epoch under this attempt."""
    account: Account
    base_url: str
    """Where it was sent; the account may have moved since."""
    spacing: Spacing = field(default=UNMEASURED, kw_only=True)
    """How its task is polled unless its job says it."""


class TaskTakenError(ReelqueueError):
    """A task id belongs to another attempt already."""


def bind_task(
    session: Session,
    attempt: OpenAttempt,
    accepted: Acceptance,
    *,
    now: datetime,
    state: AttemptState = AttemptState.BOUND,
) -> NextPoll | None:
    """Store the task of an attempt and follow it from now on; the same again changes nothing.

    Args:
        session: In a transaction; the caller wakes the lane last, commits, then sends the hint.
        attempt: The attempt that made the task.
        accepted: The task.
        now: When it was accepted, or adopted.
        state: ``bound``, or ``adopted`` where the listing brought it.

    Returns:
        Its next poll, for which the lane is to be woken; None: it is not followed.

    Raises:
        TaskTakenError: The id belongs to another attempt, at whatever account; nothing was written.
    """
    mine = select(Attempt.state).where(Attempt.id == attempt.attempt_id)
    before = session.scalars(mine.with_for_update()).one()
    _store(session, attempt, accepted, now)
    if before in _BOUND:
        return _poll_again(session, attempt)
    session.execute(
        update(Attempt)
        .where(Attempt.id == attempt.attempt_id)
        .values(state=state, closed_at=now, reconcile_at=None, request_id=accepted.request_id)
    )
    next_poll = _follow(session, attempt, accepted, now)
    log.info("render_job.submitted", job_id=str(attempt.job_id), attempt=attempt.number, how=state.value,
             provider_task_id=accepted.provider_task_id, provider_request_id=accepted.request_id)  # fmt: skip
    return next_poll


def _store(session: Session, attempt: OpenAttempt, accepted: Acceptance, now: datetime) -> None:
    lock_task_id(session, accepted.provider_task_id)
    owners = select(ProviderTask.attempt_id).where(is_stored(session, [accepted.provider_task_id]))
    if session.scalars(owners).first() is None:
        _insert(session, attempt, accepted, now)
    if attempt.attempt_id not in session.scalars(owners).all():
        raise TaskTakenError(f"the provider gave task id {accepted.provider_task_id}, which another job has already")


def _insert(session: Session, attempt: OpenAttempt, accepted: Acceptance, now: datetime) -> None:
    priced = select(Slot.price_per_second, Slot.currency).where(Slot.job_id == attempt.job_id)
    price_per_second, currency = session.execute(priced).one_or_none() or (None, None)
    stored = insert(ProviderTask).values(
        id=new_id(),
        job_id=attempt.job_id,
        attempt_id=attempt.attempt_id,
        account_id=attempt.account.id,
        base_url=attempt.base_url,
        provider_task_id=accepted.provider_task_id,
        request_id=accepted.request_id,
        status=accepted.status,
        submitted_at=now,
        price_per_second=price_per_second,
        currency=currency,
    )
    session.execute(stored.on_conflict_do_nothing(index_elements=["account_id", "provider_task_id"]))


def _follow(session: Session, attempt: OpenAttempt, accepted: Acceptance, now: datetime) -> NextPoll | None:
    # Locked: a wish to cancel that comes between this look and the move would be seen by neither.
    job = session.get_one(RenderJob, attempt.job_id, populate_existing=True, with_for_update={"key_share": True})
    deadline = now + timedelta(milliseconds=job.poll_timeout_ms)
    first_poll_at = min(_first_poll_at(job, attempt.spacing, now), deadline)
    moved = move(
        session,
        attempt.job_id,
        # Under review, if this answer took very long: it settles the question.
        [RenderState.SUBMITTING, RenderState.NEEDS_REVIEW],
        RenderState.RENDERING,
        now=now,
        epoch=attempt.epoch,
        detail={
            "provider_task_id": accepted.provider_task_id,
            "provider_request_id": accepted.request_id,
            "attempt": attempt.number,
        },
        provider_status=accepted.status,
        submitted_at=now,
        next_poll_at=first_poll_at,
        poll_deadline_at=deadline,
        death_count=0,
        failure_class=None,
        failure_code=None,
        failure_message=None,
    )
    if moved is None:
        log.error("provider_task.unfollowed", job_id=str(attempt.job_id), attempt=attempt.number,
                  provider_task_id=accepted.provider_task_id, reason="its job has gone on without it")  # fmt: skip
        return None
    if job.cancel_requested_at is not None:
        request_cancel(session, attempt.job_id, now=now, abandon_running=job.abandon_running)
        first_poll_at = now
    return NextPoll(attempt.account.id, first_poll_at)


def _first_poll_at(job: RenderJob, spacing: Spacing, now: datetime) -> datetime:
    own = job.poll_interval_ms
    if own is not None:
        spacing = timedelta(milliseconds=own)
    return now + spacing if isinstance(spacing, timedelta) else spacing.first_poll_at(now)


def _poll_again(session: Session, attempt: OpenAttempt) -> NextPoll | None:
    """It is followed already: the answer to the commit was lost, or the listing was quicker."""
    next_poll_at = session.scalars(select(RenderJob.next_poll_at).where(RenderJob.id == attempt.job_id)).one()
    return None if next_poll_at is None else NextPoll(attempt.account.id, next_poll_at, is_lost=True)
