"""What every answer about a provider task means for its job, in every state that is polled."""

from __future__ import annotations

from decimal import Decimal

import pytest

from reelqueue.states import FailureClass, RenderState
from tests.support.due import decide_at, make_due, seconds_of
from tests.support.virtual_clock import START
from workers.dashscope import NoAnswerError, NotSentError, RefusedError, ServerFaultError

RENDERING, CANCELLING, TIMED_OUT = RenderState.RENDERING, RenderState.CANCELLING, RenderState.TIMED_OUT
URL = "https://result.example/clip.mp4"
CUT_OFF = NoAnswerError("the connection was cut")
THROTTLED = RefusedError("too fast", http_status=429, code="Throttling.RateQuota")
BROKEN = ServerFaultError("oops", http_status=500)


@pytest.mark.parametrize(
    ("state", "status", "to_state"),
    [
        (RENDERING, "PENDING", None),  # waits for a slot at the provider
        (RENDERING, "RUNNING", None),
        (RENDERING, "SUCCEEDED", RenderState.ARCHIVING),
        (RENDERING, "FAILED", RenderState.FAILED),
        (RENDERING, "CANCELED", RenderState.CANCELLED),  # by somebody else with the same key
        (RENDERING, "UNKNOWN", None),  # once is a flap
        (RENDERING, "SUSPENDED", None),  # in the SDK's constants, never documented for video
        (RENDERING, "succeeded", None),  # not the provider's spelling, so not its word
        (CANCELLING, "PENDING", None),
        (CANCELLING, "RUNNING", None),  # cannot be stopped any more: it is collected
        (CANCELLING, "SUCCEEDED", RenderState.ARCHIVING),  # the cancel lost the race, and the video is paid
        (CANCELLING, "FAILED", RenderState.FAILED),
        (CANCELLING, "CANCELED", RenderState.CANCELLED),
        (CANCELLING, "UNKNOWN", None),
        (TIMED_OUT, "PENDING", None),
        (TIMED_OUT, "RUNNING", None),
        (TIMED_OUT, "SUCCEEDED", None),  # moves when its file is here, not before
        (TIMED_OUT, "FAILED", None),  # its waiters have been told timed_out, and that is final
        (TIMED_OUT, "CANCELED", None),
        (TIMED_OUT, "UNKNOWN", None),
    ],
)
def test_every_answer_in_every_state(state: RenderState, status: str, to_state: RenderState | None) -> None:
    outcome = decide_at(1, status, make_due(state=state), result_url=URL if status == "SUCCEEDED" else None)

    assert outcome.to_state is to_state
    assert outcome.fetch is (status == "SUCCEEDED")


@pytest.mark.parametrize("status", ["SUCCEEDED", "FAILED", "CANCELED"])
@pytest.mark.parametrize("state", [RENDERING, CANCELLING, TIMED_OUT])
def test_a_final_word_ends_the_questions(state: RenderState, status: str) -> None:
    outcome = decide_at(1, status, make_due(state=state), result_url=URL, billed_seconds=Decimal(5))

    assert outcome.next_poll_at is None
    assert outcome.ends_task


@pytest.mark.parametrize("error", [CUT_OFF, THROTTLED, BROKEN, NotSentError("refused")], ids=lambda e: type(e).__name__)
@pytest.mark.parametrize("state", [RENDERING, CANCELLING, TIMED_OUT])
def test_an_error_says_nothing_about_the_task(state: RenderState, error: Exception) -> None:
    outcome = decide_at(1, error, make_due(state=state, unknown_count=2))

    assert outcome.to_state is None
    assert outcome.next_poll_at is not None
    assert outcome.unknown_count == 2


@pytest.mark.parametrize(
    ("code", "to_state", "failure_class"),
    [
        ("InvalidParameter", RenderState.FAILED, FailureClass.INPUT),
        ("InternalError.Timeout", RenderState.QUEUED, FailureClass.PROVIDER),
        ("DataInspectionFailed", RenderState.MODERATED, FailureClass.MODERATION),
        ("IPInfringementSuspect", RenderState.MODERATED, FailureClass.MODERATION),
        ("NeverHeardOf", RenderState.FAILED, FailureClass.UNKNOWN),
        (None, RenderState.FAILED, FailureClass.UNKNOWN),  # a third-party tool showed a FAILED task without a code
    ],
)
def test_a_failed_task_ends_by_its_code(code: str | None, to_state: RenderState, failure_class: FailureClass) -> None:
    outcome = decide_at(1, "FAILED", code=code, message="because")

    assert outcome.to_state is to_state
    assert outcome.failure_class is failure_class
    assert (outcome.failure_code, outcome.failure_message) == (code, "because")


def test_a_fault_of_the_provider_is_tried_again_twice_and_later_each_time() -> None:
    outcomes = [decide_at(1, "FAILED", make_due(fault_count=count), code="InternalError") for count in range(3)]

    assert [outcome.to_state for outcome in outcomes] == [RenderState.QUEUED, RenderState.QUEUED, RenderState.FAILED]
    assert [outcome.again_at and (outcome.again_at - START).seconds for outcome in outcomes] == [6, 11, None]


def test_a_fault_ends_a_job_that_a_person_stopped() -> None:
    outcome = decide_at(1, "FAILED", make_due(state=RenderState.CANCELLING), code="InternalError")

    assert outcome.to_state is RenderState.FAILED


def test_a_failed_task_without_a_message_says_so() -> None:
    assert decide_at(1, "FAILED").failure_message == "the provider gave no reason"


def test_a_word_that_nobody_knows_is_quoted_to_people() -> None:
    assert "'SUSPENDED'" in (decide_at(1, "SUSPENDED").alarm or "")


def test_a_success_without_a_url_is_asked_about_again() -> None:
    outcome = decide_at(1, "SUCCEEDED")

    assert outcome.to_state is None
    assert seconds_of(outcome) == 2
    assert outcome.alarm
    assert (outcome.is_over, outcome.ends_task) == (True, True)


def test_a_success_without_a_url_times_out_and_is_watched_without_its_slot() -> None:
    outcome = decide_at(3, "SUCCEEDED")

    assert (outcome.to_state, outcome.ends_task, outcome.fetch) == (TIMED_OUT, True, False)
    assert seconds_of(outcome) == 63
    assert "billed" in (outcome.failure_message or "")


def test_a_task_that_was_called_succeeded_is_not_rendered_again_for_a_fault() -> None:
    assert decide_at(1, "FAILED", make_due(has_slot=False), code="InternalError").to_state is RenderState.FAILED


def test_a_url_beside_a_word_that_nobody_knows_is_followed_until_the_deadline_and_fetched_then() -> None:
    before, at_last = (decide_at(seconds, "SUCCESS", result_url=URL) for seconds in (1, 3))

    assert (before.to_state, before.fetch, seconds_of(before)) == (None, False, 2)
    assert (at_last.to_state, at_last.fetch, at_last.ends_task) == (TIMED_OUT, True, True)
    assert at_last.alarm


@pytest.mark.parametrize(("on_timeout", "fetch"), [("collect", True), ("abandon", False)])
def test_a_url_beside_a_word_that_nobody_knows_is_fetched_by_the_watch(on_timeout: str, *, fetch: bool) -> None:
    outcome = decide_at(63, "SUCCESS", make_due(state=TIMED_OUT, on_timeout=on_timeout), result_url=URL)

    assert (outcome.fetch, outcome.ends_task) == (fetch, True)


@pytest.mark.parametrize("url", [None, ""])
def test_a_word_that_nobody_knows_without_a_url_is_watched(url: str | None) -> None:
    outcome = decide_at(63, "SUSPENDED", make_due(state=TIMED_OUT), result_url=url)

    assert (outcome.fetch, outcome.ends_task) == (False, False)


def test_a_running_task_is_left_behind_where_the_canceller_wants_that() -> None:
    outcome = decide_at(1, "RUNNING", make_due(state=CANCELLING, abandon_running=True))

    assert outcome.to_state is RenderState.CANCELLED
    assert "bills it" in (outcome.failure_message or "")


def test_a_waiting_task_is_not_left_behind() -> None:
    assert decide_at(1, "PENDING", make_due(state=CANCELLING, abandon_running=True)).to_state is None
