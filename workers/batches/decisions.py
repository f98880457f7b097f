"""What becomes of a job whose line in a batch gave no whole answer: pure functions of why, and of what was before.

A batch bills lines that were answered, and nothing else. So a line that was refused, or never sent, is free; it comes
back to the queue a few times where another batch may do better. What may have been billed is left to the job's policy.
"""

from __future__ import annotations

from typing import Final

from reelqueue.failure_codes import FailureCode
from reelqueue.qwen.errors import TextError, TextMaybeBilledError
from reelqueue.states import FailureClass, TextAttemptState, TextState
from workers.texts.decisions import Reason, Standing, Verdict, after_loss

RETURNS_MAX: Final = 2
"""How often a job comes back to the queue for the provider's own reasons; then it has failed."""
_FINAL: Final = frozenset({FailureClass.INPUT, FailureClass.MODERATION})
_UNCOUNTED: Final = frozenset({FailureClass.THROTTLE, FailureClass.ACCOUNT})
"""They pass, and are no fault of a job."""


def after_line(error: TextError, standing: Standing, returns: int, *, retry_seconds: float) -> Verdict:
    """What becomes of a job whose line has an error, or is in no result file.

    Args:
        error: What the line says; a `TextMaybeBilledError` where it may be billed.
        standing: What was before.
        returns: How often it came back to the queue.
        retry_seconds: Before it may be in another batch.
    """
    if isinstance(error, TextMaybeBilledError):
        reason = Reason(error.failure, error.code or FailureCode.ANSWER_LOST, str(error))
        return after_loss(reason, standing, retry_seconds=retry_seconds)
    reason = Reason(error.failure, error.code, str(error))
    return _after_free(TextAttemptState.REFUSED, reason, standing, returns, retry_seconds)


def after_release(reason: Reason, standing: Standing, returns: int, absences: int, *, retry_seconds: float) -> Verdict:
    """What becomes of a job whose batch is not at the provider, or cannot be found out about.

    Args:
        reason: Why.
        standing: What was before.
        returns: How often the job came back to the queue.
        absences: How often a batch of the job was proven absent.
        retry_seconds: Before it may be in another batch.
    """
    if reason.code == FailureCode.WITHDRAWN:
        job = TextState.CANCELLED if standing.is_cancel_requested else TextState.QUEUED
        return Verdict(attempt=TextAttemptState.NOT_SENT, job=job)
    # A list that never shows a batch would have each paid for again and again.
    if reason.code == FailureCode.BATCH_LOST or (reason.code == FailureCode.BATCH_ABSENT and absences):
        return after_loss(reason, standing, retry_seconds=retry_seconds)
    is_absent = reason.code == FailureCode.BATCH_ABSENT
    state = TextAttemptState.NOT_SENT if is_absent else TextAttemptState.REFUSED
    again = Reason(FailureClass.PROVIDER, reason.code, reason.message) if reason.failure_class in _FINAL else reason
    return _after_free(state, again, standing, returns, retry_seconds)


def _after_free(
    state: TextAttemptState, reason: Reason, standing: Standing, returns: int, retry_seconds: float
) -> Verdict:
    if standing.is_cancel_requested:
        return Verdict(attempt=state, job=TextState.CANCELLED, reason=reason)
    may_return = reason.failure_class in _UNCOUNTED or returns < RETURNS_MAX
    if reason.failure_class in _FINAL or not may_return:
        return Verdict(attempt=state, job=TextState.FAILED, reason=reason)
    return Verdict(attempt=state, job=TextState.QUEUED, reason=reason, delay_seconds=retry_seconds)
