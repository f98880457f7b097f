"""What becomes of a text job after a call: a pure function of the answer or error, and of what was before.

The rule behind all of it: what was refused or never left is free and may be sent again; what was sent and not answered
may be billed, cannot be looked up, and is sent again only as often as its owner has decided.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from decimal import Decimal
from typing import Final

from models.operations.texts.attempts import calls_allowed
from models.text_job import OnLostAnswer
from reelqueue.backoff import Backoff
from reelqueue.failure_codes import FailureCode
from reelqueue.qwen.answers.exchange import NOT_THE_SERVICES
from reelqueue.qwen.errors import TextError, TextMaybeBilledError, TextNotSentError, TextRefusedError
from reelqueue.states import FailureClass, TextAttemptState, TextState

BACKOFF: Final = Backoff(first_seconds=1, longest_seconds=60, jitter=0.5)
"""Before the next call on a lane after refusals in a row."""
_SLOWER: Final = 2.0
_SLOWER_AFTER_BURST: Final = 4.0
"""A burst is refused because the rate rose too fast, so that it begins again from further down."""
_BURST: Final = frozenset({"limit_burst_rate", "throttling.burstrate"})
_FORBIDDEN: Final = 403
_TOO_LARGE: Final = 413


@dataclass(frozen=True)
class Reason:
    """Why a job failed or waits."""

    failure_class: FailureClass | None = None
    code: str | None = None
    message: str | None = None


@dataclass(frozen=True, kw_only=True)
class Standing:
    """What is known about a job when its call has ended."""

    on_lost_answer: OnLostAnswer
    retry_count: int = 0
    billed_before: int = 0
    """Calls before this one that were, or may have been, billed."""
    is_cancel_requested: bool = False
    left: Decimal | None = None
    """What its own limit leaves after this call; None: it has no limit."""
    most: Decimal | None = None
    """What one more call may cost."""
    refusals_before: int = 0
    """Of the lane, in a row."""


@dataclass(frozen=True, kw_only=True)
class LaneEffect:
    """What a refusal changes for the calls that follow."""

    hold_seconds: float
    reason: str
    told_seconds: float = 0
    """What the provider asked for, or its window takes."""
    slower_by: float = 1


@dataclass(frozen=True, kw_only=True)
class Verdict:
    """What becomes of an attempt, its job, its lane and its account."""

    attempt: TextAttemptState
    job: TextState
    reason: Reason = field(default_factory=Reason)
    delay_seconds: float = 0
    """Before it may be sent again."""
    lane: LaneEffect | None = None
    pauses_account: bool = False


def after_error(error: TextError, standing: Standing, *, retry_seconds: float, blocked_seconds: float) -> Verdict:
    """What becomes of a job whose call gave no whole answer.

    Args:
        error: What the client says.
        standing: What was before.
        retry_seconds: Before a call whose answer was lost is sent once more.
        blocked_seconds: How long a lane waits that the account may not use.
    """
    reason = Reason(error.failure, error.code, str(error))
    lane = _lane_effect(error, standing, blocked_seconds)
    pauses = error.failure is FailureClass.ACCOUNT and error.http_status != _FORBIDDEN
    if isinstance(error, TextMaybeBilledError):
        reason = Reason(error.failure, error.code or FailureCode.ANSWER_LOST, str(error))
        verdict = after_loss(reason, standing, retry_seconds=retry_seconds)
        return replace(verdict, lane=lane, pauses_account=pauses)
    state = TextAttemptState.NOT_SENT if isinstance(error, TextNotSentError) else TextAttemptState.REFUSED
    if lane is None and not pauses:
        return Verdict(attempt=state, job=TextState.FAILED, reason=reason)
    job = TextState.CANCELLED if standing.is_cancel_requested else TextState.QUEUED
    return Verdict(attempt=state, job=job, reason=reason, lane=lane, pauses_account=pauses)


def after_loss(reason: Reason, standing: Standing, *, retry_seconds: float) -> Verdict:
    """What becomes of a job whose call was sent and gave no whole answer: it may be billed.

    Args:
        reason: Why there is none.
        standing: What was before.
        retry_seconds: Before it is sent once more.
    """
    lost = TextAttemptState.AMBIGUOUS
    if reason.failure_class in {FailureClass.MODERATION, FailureClass.INPUT}:
        return Verdict(attempt=lost, job=TextState.FAILED, reason=reason)  # the same request gives the same answer
    if standing.is_cancel_requested:
        return Verdict(attempt=lost, job=TextState.CANCELLED, reason=reason)
    may_retry = standing.billed_before + 1 < calls_allowed(standing.on_lost_answer, standing.retry_count)
    if may_retry and (standing.left is None or standing.most is None or standing.most <= standing.left):
        return Verdict(attempt=lost, job=TextState.QUEUED, reason=reason, delay_seconds=retry_seconds)
    if may_retry:
        why = f"its own limit leaves {standing.left}, and another call may cost {standing.most}: {reason.message}"
        return Verdict(attempt=lost, job=TextState.HELD, reason=Reason(reason.failure_class, reason.code, why))
    if standing.on_lost_answer is OnLostAnswer.HOLD:
        return Verdict(attempt=lost, job=TextState.HELD, reason=reason)
    return Verdict(attempt=lost, job=TextState.FAILED, reason=reason)


def after_death(reason: Reason, deaths: int, limit: int, *, is_cancel_requested: bool) -> Verdict:
    """What becomes of a job whose worker died before the call could leave.

    Args:
        reason: That it did.
        deaths: How many did, this one included.
        limit: After so many a person looks at it.
        is_cancel_requested: Whether it is to be stopped.
    """
    unsent = TextAttemptState.NOT_SENT
    if is_cancel_requested:
        return Verdict(attempt=unsent, job=TextState.CANCELLED, reason=reason)
    if deaths >= limit:
        message = f"{deaths} workers died with it before they could ask; python -m workers texts retry asks again"
        return Verdict(
            attempt=unsent,
            job=TextState.HELD,
            reason=Reason(FailureClass.POISON, FailureCode.QUARANTINED, message),
        )
    return Verdict(attempt=unsent, job=TextState.QUEUED, reason=reason, delay_seconds=BACKOFF.delay(deaths))


def _lane_effect(error: TextError, standing: Standing, blocked_seconds: float) -> LaneEffect | None:
    """What the lane waits for; None: an error says nothing about the next call."""
    backoff = BACKOFF.delay(standing.refusals_before + 1)
    summary = str(error)
    if error.failure is FailureClass.THROTTLE:
        is_burst = (error.code or "").lower() in _BURST
        return LaneEffect(
            hold_seconds=max(backoff, error.retry_after_seconds or 0),
            reason=summary,
            told_seconds=error.retry_after_seconds or 0,
            slower_by=_SLOWER_AFTER_BURST if is_burst else _SLOWER,
        )
    if error.failure is FailureClass.ACCOUNT and error.http_status == _FORBIDDEN:
        return LaneEffect(hold_seconds=blocked_seconds, reason=summary, told_seconds=blocked_seconds)
    if isinstance(error, TextNotSentError):
        return LaneEffect(hold_seconds=backoff, reason=summary)
    # A proxy's or another service's page: the next call would fare no better, and none costs anything.
    is_refusal = isinstance(error, TextRefusedError) and error.http_status != _TOO_LARGE
    is_foreign_page = is_refusal and NOT_THE_SERVICES in error.message
    return LaneEffect(hold_seconds=backoff, reason=summary) if is_foreign_page else None
