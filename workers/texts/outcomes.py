"""Writing what came of a call: attempt, job, lane and money in one transaction.

Each write is guarded by what the call saw: an attempt that has its outcome keeps it, and a job with another epoch has
a new owner. Rows are locked in one order: lane, job, attempt, campaign.
"""

from __future__ import annotations

import dataclasses
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Any
from uuid import UUID

import structlog
from sqlalchemy import select
from sqlalchemy.orm import Session

from models.operations.accounts import pause_account
from models.operations.texts.attempts import TextOutcome, billed_count, charge_attempt, close_attempt
from models.operations.texts.lanes import add_tokens, hold_lane, lock_text_lane, regain_pace
from models.operations.texts.transitions import move_text
from models.text_attempt import TextAttempt
from models.text_job import TextJob
from models.text_lane import TextLane
from reelqueue.qwen.answer import Answer
from reelqueue.qwen.cost import TextCost
from reelqueue.qwen.errors import TextError, TextMaybeBilledError
from reelqueue.qwen.usage import Usage
from reelqueue.states import TextAttemptState, TextState
from workers.settings import Settings
from workers.texts.claims import TextClaim
from workers.texts.decisions import Reason, Standing, Verdict, after_error

log = structlog.get_logger(__name__)

_MESSAGE_CHARACTERS = 500


def store_answer(session: Session, claim: TextClaim, answer: Answer, *, now: datetime) -> bool:
    """Store a whole answer; False if the job has gone on without it, and only its cost is entered.

    An answer that comes after its call was given up is taken where the job still waits for it.
    """
    lane = lock_text_lane(session, claim.account_id, claim.model)
    _lock_job(session, claim.job_id)
    attempt = close_attempt(session, claim.attempt_id, answered(answer), now=now)
    if attempt is None:
        return False
    regain_pace(lane)
    _count_tokens(lane, claim, answer.usage, now)
    moved = move_text(
        session,
        claim.job_id,
        [TextState.RUNNING, TextState.HELD, TextState.QUEUED],
        TextState.SUCCEEDED,
        now=now,
        epoch=claim.epoch,
        **answer_columns(answer),
    )
    charge_attempt(session, attempt, now=now)
    return moved is not None


def store_error(session: Session, claim: TextClaim, error: TextError, settings: Settings, *, now: datetime) -> Verdict:
    """Store that a call gave no whole answer, and what becomes of its job."""
    lane = lock_text_lane(session, claim.account_id, claim.model)
    job = _lock_job(session, claim.job_id)
    cost = cost_of(error, claim.built.max_cost)
    standing = standing_of(session, job, cost, claim.built.max_cost, refusals=lane.refusal_count)
    rules = settings.text
    verdict = after_error(error, standing, retry_seconds=rules.retry_seconds, blocked_seconds=rules.blocked_seconds)
    outcome = outcome_of(error, verdict.attempt, cost)
    apply(session, lane, claim.attempt_id, claim.job_id, claim.epoch, outcome, verdict, now=now)
    return verdict


def outcome_of(error: TextError, state: TextAttemptState, cost: TextCost | None) -> TextOutcome:
    """How an attempt ended that gave no whole answer."""
    partial = error.partial
    return TextOutcome(
        state=state,
        http_status=error.http_status,
        request_id=_stored(error.request_id),
        error_class=error.failure,
        error_code=_stored(error.code),
        error_message=storable(error.message),
        partial_text=storable(partial.text) if partial and partial.text else None,
        partial_reasoning=storable(partial.reasoning) if partial and partial.reasoning else None,
        usage=_usage_document(partial.usage) if partial else None,
        cost=cost,
    )


def apply(
    session: Session,
    lane: TextLane,
    attempt_id: UUID,
    job_id: UUID,
    epoch: int,
    outcome: TextOutcome,
    verdict: Verdict,
    *,
    now: datetime,
) -> None:
    """Write a verdict, unless the attempt has its outcome already.

    Args:
        session: In a transaction that has locked the lane and the job; the caller commits.
        lane: The call's.
        attempt_id: The call.
        job_id: Its job.
        epoch: The job's when it was claimed.
        outcome: How the call ended.
        verdict: What becomes of everything else.
        now: The time.
    """
    attempt = close_attempt(session, attempt_id, outcome, now=now)
    if attempt is None:
        return
    if verdict.lane is not None:
        effect = verdict.lane
        hold_lane(
            lane,
            now + timedelta(seconds=effect.hold_seconds),
            storable(effect.reason)[:_MESSAGE_CHARACTERS],
            now=now,
            at_least_until=now + timedelta(seconds=effect.told_seconds),
            slower_by=effect.slower_by,
        )
    if verdict.pauses_account:
        pause_account(session, attempt.account_id, storable(verdict.reason.message or "refused"), now=now)
    values = reason_columns(verdict.reason)
    if verdict.job is TextState.QUEUED:
        values["not_before_at"] = now + timedelta(seconds=verdict.delay_seconds) if verdict.delay_seconds else None
    move_text(session, job_id, [TextState.RUNNING], verdict.job, now=now, epoch=epoch, **values)
    charge_attempt(session, attempt, now=now)


def standing_of(
    session: Session, job: TextJob, cost: TextCost | None, most: TextCost | None, *, refusals: int = 0
) -> Standing:
    """What is known about a locked job when its call has ended.

    Args:
        session: In the transaction that has locked it.
        job: The job.
        cost: What the call has cost; None: nothing, or no price is known.
        most: What one more may cost.
        refusals: Of its lane, in a row.
    """
    left = None
    if job.max_cost_amount is not None:
        left = job.max_cost_amount - (job.cost_amount or Decimal(0)) - (cost.amount if cost else Decimal(0))
    return Standing(
        on_lost_answer=job.on_lost_answer,
        retry_count=job.retry_count,
        billed_before=billed_count(session, job.id),
        is_cancel_requested=job.cancel_requested_at is not None,
        left=left,
        most=most.amount if most else None,
        refusals_before=refusals,
    )


def most_of(attempt: TextAttempt) -> TextCost | None:
    """The most that an attempt may have cost, as it was reserved; None: no price is known."""
    if attempt.reserved_amount is None or attempt.currency is None or attempt.priced_on is None:
        return None
    return TextCost(attempt.reserved_amount, attempt.currency, attempt.priced_on, is_estimate=True)


def lock_attempts_job(session: Session, attempt: TextAttempt) -> TextJob:
    """The job of an attempt, locked."""
    return _lock_job(session, attempt.job_id)


def storable(text: str) -> str:
    """A text as Postgres stores it: without NUL, and without halves of surrogate pairs."""
    return text.replace("\0", "\N{REPLACEMENT CHARACTER}").encode("utf-8", "replace").decode()


def _stored(text: str | None) -> str | None:
    return None if text is None else storable(text)


def _lock_job(session: Session, job_id: UUID) -> TextJob:
    locked = select(TextJob).where(TextJob.id == job_id).with_for_update(key_share=True)
    return session.scalars(locked.execution_options(populate_existing=True)).one()


def answered(answer: Answer) -> TextOutcome:
    """How an attempt ended that gave a whole answer."""
    return TextOutcome(
        state=TextAttemptState.ANSWERED,
        http_status=200,
        request_id=_stored(answer.request_id),
        usage=_usage_document(answer.usage),
        cost=answer.cost,
    )


def answer_columns(answer: Answer) -> dict[str, Any]:
    """What a job has of its answer."""
    calls = [{name: storable(value) for name, value in dataclasses.asdict(call).items()} for call in answer.tool_calls]
    return {
        "text": storable(answer.text),
        "reasoning": storable(answer.reasoning) or None,
        "tool_calls": calls or None,
        "finish_reason": answer.finish_reason,
        "answered_model": storable(answer.model),
        "request_id": _stored(answer.request_id),
        "usage": _usage_document(answer.usage),
        "failure_class": None,
        "failure_code": None,
        "failure_message": None,
    }


def reason_columns(reason: Reason) -> dict[str, Any]:
    """What a job says about why it has none."""
    message = storable(reason.message)[:_MESSAGE_CHARACTERS] if reason.message else None
    return {"failure_class": reason.failure_class, "failure_code": _stored(reason.code), "failure_message": message}


def _usage_document(usage: Usage | None) -> dict[str, Any] | None:
    return dataclasses.asdict(usage) if usage else None


def cost_of(error: TextError, most: TextCost | None) -> TextCost | None:
    """What a call has cost that gave no whole answer: by its usage, or the most that it may have."""
    if not isinstance(error, TextMaybeBilledError):
        return None
    return error.partial.cost if error.partial else most


def _count_tokens(lane: TextLane, claim: TextClaim, usage: Usage | None, now: datetime) -> None:
    more = (usage.total_tokens if usage else 0) - claim.counted_tokens
    if more > 0:
        add_tokens(lane, claim.limits.seconds_of_tokens(more), now=now)
