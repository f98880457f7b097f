"""What the sweep does for text jobs: heals what a dead worker left, ends what is too late, and hints again."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from functools import partial
from typing import Final, TypeVar
from uuid import UUID

import structlog
from sqlalchemy import func, or_, select
from sqlalchemy.orm import Session

from models.campaign import Campaign
from models.operations.texts.attempts import TextOutcome
from models.operations.texts.lanes import lock_text_lane
from models.operations.texts.transitions import move_text
from models.text_attempt import TextAttempt
from models.text_job import TextJob
from reelqueue.failure_codes import FailureCode
from reelqueue.states import FailureClass, TextAttemptState, TextState
from workers.runtime.context import Context
from workers.sweep.parts import Parts
from workers.texts.decisions import Reason, Verdict, after_death, after_loss
from workers.texts.outcomes import apply, lock_attempts_job, most_of, standing_of

log = structlog.get_logger(__name__)

T = TypeVar("T")

_AT_ONCE: Final = 500
_HINTS_EACH: Final = 4
"""Of a model: its lane goes on by itself then."""


@dataclass(frozen=True)
class SweptTexts:
    """How many text jobs of each kind were found."""

    expired: int
    stopped: int
    unsent: int
    lost: int
    hints: list[tuple[UUID, str]]
    """Jobs that are due, with their models: a few of each model."""


def sweep_texts(context: Context, parts: Parts) -> SweptTexts:
    """Heal what is overdue among the text jobs; the caller sends the hints.

    Args:
        context: The outside world.
        parts: Of the sweep: what fails here is noted there.
    """
    unsent = _close(context, parts, TextAttemptState.INTENT)
    lost = _close(context, parts, TextAttemptState.SENT)
    return SweptTexts(
        expired=parts.run("late text jobs", partial(_in_transaction, context, _expire), otherwise=0),
        stopped=parts.run("stopped text jobs", partial(_in_transaction, context, _cancel_stopped), otherwise=0),
        unsent=unsent,
        lost=lost,
        hints=parts.run("text jobs that are due", partial(_in_transaction, context, _due), otherwise=[]),
    )


def _in_transaction(context: Context, step: Callable[[Session, datetime], T]) -> T:
    with context.sessions.begin() as session:
        return step(session, context.clock.now(session))


def _close(context: Context, parts: Parts, state: TextAttemptState) -> int:
    """Close attempts whose worker is gone, each in a transaction of its own, since each locks its lane first."""
    look = partial(_in_transaction, context, partial(_overdue, context, state))
    found = parts.run(f"text attempts in {state}", look, otherwise=list[UUID]())
    count = 0
    for attempt_id in found:
        close = partial(_in_transaction, context, partial(_close_one, context, attempt_id))
        count += parts.run(f"text attempt {attempt_id}", close, otherwise=False)
    return count


def _overdue(context: Context, state: TextAttemptState, session: Session, now: datetime) -> list[UUID]:
    lease = TextAttempt.send_by if state is TextAttemptState.INTENT else TextAttempt.answer_by
    overdue = lease <= _alive_until(context, now)
    # A line of a batch is closed with its batch.
    mine = select(TextAttempt.id).where(TextAttempt.state == state, TextAttempt.batch_id.is_(None), overdue)
    return list(session.scalars(mine.limit(_AT_ONCE)))


def _alive_until(context: Context, now: datetime) -> datetime:
    """The end of a lease from which on its holder may be believed alive."""
    return context.clocks.steady(now, context.host.seconds())


def _close_one(context: Context, attempt_id: UUID, session: Session, now: datetime) -> bool:
    """Close one, unless its worker lives and has moved on."""
    attempt = session.get_one(TextAttempt, attempt_id)
    model = session.scalars(select(TextJob.model).where(TextJob.id == attempt.job_id)).one()
    lane = lock_text_lane(session, attempt.account_id, model)
    job = lock_attempts_job(session, attempt)
    session.refresh(attempt)
    alive_until = _alive_until(context, now)
    if attempt.state is TextAttemptState.INTENT and attempt.send_by <= alive_until:
        verdict, cost = _unsent(context, session, job), None
    elif attempt.state is TextAttemptState.SENT and attempt.answer_by is not None and attempt.answer_by <= alive_until:
        cost = most_of(attempt)
        reason = Reason(FailureClass.PROVIDER, FailureCode.ANSWER_LOST, "its worker died before the answer was stored")
        standing = standing_of(session, job, cost, cost)
        verdict = after_loss(reason, standing, retry_seconds=context.settings.text.retry_seconds)
    else:
        return False
    outcome = TextOutcome(
        state=verdict.attempt,
        error_class=verdict.reason.failure_class,
        error_code=FailureCode.WORKER_DIED
        if cost is None and verdict.attempt is TextAttemptState.NOT_SENT
        else FailureCode.ANSWER_LOST,
        error_message=verdict.reason.message,
        cost=cost,
    )
    apply(session, lane, attempt.id, job.id, attempt.epoch, outcome, verdict, now=now)
    log.warning("text_job.worker_died", text_job_id=str(job.id), attempt=attempt.number, state=verdict.job.value,
                outcome=verdict.attempt.value)  # fmt: skip
    return True


def _unsent(context: Context, session: Session, job: TextJob) -> Verdict:
    died = select(func.count()).where(TextAttempt.job_id == job.id, TextAttempt.error_code == FailureCode.WORKER_DIED)
    deaths = session.scalars(died).one() + 1
    reason = Reason(FailureClass.PROVIDER, FailureCode.WORKER_DIED, "its worker died before it was sent")
    limit = context.settings.celery.death_limit
    return after_death(reason, deaths, limit, is_cancel_requested=job.cancel_requested_at is not None)


def _expire(session: Session, now: datetime) -> int:
    late = select(TextJob.id).where(TextJob.state == TextState.QUEUED, TextJob.start_by <= now)
    found = session.scalars(late.limit(_AT_ONCE).with_for_update(skip_locked=True, key_share=True)).all()
    message = "not sent before its start_by; enqueue it again with a later one"
    for job_id in found:
        move_text(session, job_id, [TextState.QUEUED], TextState.EXPIRED, now=now, failure_message=message)
    return len(found)


def _cancel_stopped(session: Session, now: datetime) -> int:
    """Queued jobs of cancelled campaigns, and those that were to be stopped when they came back to the queue."""
    stopped = select(Campaign.id).where(Campaign.cancelled_at.is_not(None))
    unwanted = select(TextJob.id).where(
        TextJob.state == TextState.QUEUED,
        or_(TextJob.campaign_id.in_(stopped), TextJob.cancel_requested_at.is_not(None)),
    )
    found = session.scalars(unwanted.limit(_AT_ONCE).with_for_update(skip_locked=True, key_share=True)).all()
    for job_id in found:
        move_text(session, job_id, [TextState.QUEUED], TextState.CANCELLED, now=now)
    return len(found)


def _due(session: Session, now: datetime) -> list[tuple[UUID, str]]:
    """A few due jobs of each model."""
    rank = func.row_number().over(partition_by=TextJob.model, order_by=(TextJob.created_at, TextJob.id))
    due = (
        select(TextJob.id, TextJob.model, rank.label("rank"))
        .where(
            TextJob.state == TextState.QUEUED,
            TextJob.is_batched.is_(False),
            or_(TextJob.not_before_at.is_(None), TextJob.not_before_at <= now),
        )
        .subquery()
    )
    few = select(due.c.id, due.c.model).where(due.c.rank <= _HINTS_EACH)
    return [(job_id, model) for job_id, model in session.execute(few)]
