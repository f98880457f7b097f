"""What becomes of a text job, by what is known about its call."""

from __future__ import annotations

from decimal import Decimal

import pytest

from models import OnLostAnswer
from reelqueue.qwen.answers.exchange import NOT_THE_SERVICES
from reelqueue.qwen.errors import TextError, TextFailedError, TextNoAnswerError, TextNotSentError, TextRefusedError
from reelqueue.states import FailureClass, TextAttemptState, TextState
from workers.texts.decisions import Standing, Verdict, after_error

RETRY, HOLD = OnLostAnswer.RETRY_ONCE, OnLostAnswer.HOLD
LOST = TextNoAnswerError("no answer")


def decide(error: TextError, standing: Standing) -> Verdict:
    return after_error(error, standing, retry_seconds=5, blocked_seconds=600)


@pytest.mark.parametrize(
    ("on_lost", "retries", "billed_before", "job"),
    [
        (RETRY, 0, 0, TextState.QUEUED),
        (RETRY, 0, 1, TextState.FAILED),
        (RETRY, 1, 1, TextState.QUEUED),
        (RETRY, 1, 2, TextState.FAILED),
        (HOLD, 0, 0, TextState.HELD),
        (HOLD, 1, 1, TextState.HELD),
        (HOLD, 2, 1, TextState.QUEUED),
    ],
)
def test_a_lost_answer_is_asked_again_only_as_often_as_was_decided(
    on_lost: OnLostAnswer, retries: int, billed_before: int, job: TextState
) -> None:
    verdict = decide(LOST, Standing(on_lost_answer=on_lost, retry_count=retries, billed_before=billed_before))

    assert (verdict.attempt, verdict.job) == (TextAttemptState.AMBIGUOUS, job)


@pytest.mark.parametrize(
    ("left", "most", "job"),
    [
        (Decimal(2), Decimal(2), TextState.QUEUED),
        (Decimal(1), Decimal(2), TextState.HELD),
        (None, None, TextState.QUEUED),
    ],
)
def test_a_limit_is_held_for_a_second_call(left: Decimal | None, most: Decimal | None, job: TextState) -> None:
    assert decide(LOST, Standing(on_lost_answer=RETRY, left=left, most=most)).job is job


@pytest.mark.parametrize("failure", [FailureClass.MODERATION, FailureClass.INPUT])
def test_what_the_same_request_brings_again_is_not_asked_again(failure: FailureClass) -> None:
    verdict = decide(TextFailedError("no", failure=failure), Standing(on_lost_answer=RETRY))

    assert (verdict.attempt, verdict.job) == (TextAttemptState.AMBIGUOUS, TextState.FAILED)


@pytest.mark.parametrize(
    ("error", "attempt", "job", "holds"),
    [
        (TextNotSentError("down"), TextAttemptState.NOT_SENT, TextState.QUEUED, True),
        (
            TextRefusedError("slow", failure=FailureClass.THROTTLE, http_status=429),
            TextAttemptState.REFUSED,
            TextState.QUEUED,
            True,
        ),
        (
            TextRefusedError("bad", failure=FailureClass.INPUT, http_status=400, code="x"),
            TextAttemptState.REFUSED,
            TextState.FAILED,
            False,
        ),
        (
            TextRefusedError(f"404: {NOT_THE_SERVICES}", failure=FailureClass.INPUT, http_status=404),
            TextAttemptState.REFUSED,
            TextState.QUEUED,
            True,
        ),
        (
            TextRefusedError(f"413: {NOT_THE_SERVICES}", failure=FailureClass.INPUT, http_status=413),
            TextAttemptState.REFUSED,
            TextState.FAILED,
            False,
        ),
    ],
    ids=["not sent", "throttled", "bad request", "a proxy's page", "too large"],
)
def test_what_costs_nothing(error: TextError, attempt: TextAttemptState, job: TextState, holds: bool) -> None:  # noqa: FBT001
    verdict = decide(error, Standing(on_lost_answer=HOLD))

    assert (verdict.attempt, verdict.job, verdict.lane is not None) == (attempt, job, holds)


def test_what_is_to_be_stopped_does_not_go_back_to_the_queue() -> None:
    stopped = Standing(on_lost_answer=RETRY, is_cancel_requested=True)

    assert decide(LOST, stopped).job is TextState.CANCELLED
    assert decide(TextNotSentError("down"), stopped).job is TextState.CANCELLED


def test_a_throttle_inside_an_answer_holds_the_lane_too() -> None:
    verdict = decide(TextFailedError("slow", failure=FailureClass.THROTTLE), Standing(on_lost_answer=RETRY))

    assert (verdict.attempt, verdict.job) == (TextAttemptState.AMBIGUOUS, TextState.QUEUED)
    assert verdict.lane is not None
    assert verdict.lane.slower_by > 1
