"""When the next question comes: intervals without drift, one last poll at the deadline, then a slow watch."""

from __future__ import annotations

from datetime import timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from reelqueue.states import TERMINAL, RenderState
from tests.support.due import RULES, decide_at, make_due, seconds_of
from tests.support.virtual_clock import START
from workers.dashscope import NoAnswerError
from workers.polling.decisions import DuePoll, decide_poll

MOMENTS = st.floats(min_value=0, max_value=90_000, allow_nan=False)
WORDS = st.sampled_from(["PENDING", "RUNNING", "UNKNOWN", "SUSPENDED", "SUCCEEDED", ""])
STATES = st.sampled_from([RenderState.RENDERING, RenderState.CANCELLING, RenderState.TIMED_OUT])


def polls_of(due: DuePoll, *, late_by: float = 0) -> list[float]:
    """When a task that never ends is polled, in seconds after its submit, up to the deadline."""
    moments = []
    outcome = None
    while outcome is None or outcome.to_state is None:
        moments.append((due.poll_at - START).total_seconds())
        outcome = decide_at(moments[-1] + late_by, "RUNNING", due)
        due = make_due(
            poll_at=seconds_of(outcome) or 0,
            deadline_at=(due.deadline_at - START).total_seconds(),
            spacing=due.spacing,
        )
    assert outcome.to_state is RenderState.TIMED_OUT
    return moments


def test_1_s_and_3_s_are_polls_at_1_2_and_3() -> None:
    assert polls_of(make_due()) == [1, 2, 3]


def test_the_defaults_are_120_polls_in_600_s() -> None:
    moments = polls_of(make_due(poll_at=5, interval=5, deadline_at=600))

    assert len(moments) == 120
    assert moments[-1] == 600


def test_an_interval_longer_than_the_timeout_polls_once_at_the_deadline() -> None:
    # The first poll is put at the deadline by the submit; see tests of submission.
    assert polls_of(make_due(poll_at=3, interval=10, deadline_at=3)) == [3]


def test_the_last_wait_is_shortened_to_the_deadline() -> None:
    assert polls_of(make_due(poll_at=2, interval=2, deadline_at=5)) == [2, 4, 5]


def test_lateness_does_not_add_up() -> None:
    assert polls_of(make_due(deadline_at=10), late_by=0.4) == [1, 2, 3, 4, 5, 6, 7, 8, 9, 10]


def test_missed_polls_are_not_made_up_for() -> None:
    assert seconds_of(decide_at(4.5, "RUNNING", make_due(poll_at=1, deadline_at=10))) == 5


def test_a_poll_a_moment_before_the_deadline_is_not_the_last() -> None:
    outcome = decide_at(2.999, "RUNNING", make_due(poll_at=2.5))

    assert outcome.to_state is None
    assert seconds_of(outcome) == 3


@pytest.mark.parametrize(
    ("on_timeout", "status", "next_poll"),
    [
        ("collect", "RUNNING", 63),  # billed: watched every late interval
        ("collect", "PENDING", 63),
        ("cancel", "RUNNING", 63),  # could not be cancelled, so it is billed: watched
        ("abandon", "RUNNING", 63),  # its owner does not want it, and pays for it
        ("cancel", "CANCELED", None),  # it was asked to stop just before, and did
    ],
)
def test_the_deadline(on_timeout: str, status: str, next_poll: float | None) -> None:
    outcome = decide_at(3, status, make_due(on_timeout=on_timeout))

    assert outcome.to_state is RenderState.TIMED_OUT
    assert seconds_of(outcome) == next_poll
    assert outcome.failure_message


def test_the_message_at_the_deadline_quotes_the_last_word() -> None:
    message = decide_at(3, "RUNNING", make_due(provider_status="PENDING")).failure_message

    assert "RUNNING" in str(message)


def test_the_watch_goes_on_to_its_end_and_no_further() -> None:
    watched = make_due(state=RenderState.TIMED_OUT, watch_until=200)

    assert seconds_of(decide_at(140, "RUNNING", watched)) == 200
    assert decide_at(141, "RUNNING", watched).ends_task


@pytest.mark.parametrize(
    ("state", "provider_status", "on_timeout", "seconds", "wanted"),
    [
        (RenderState.CANCELLING, "PENDING", "collect", 1, True),
        (RenderState.CANCELLING, None, "collect", 1, True),  # never asked about: may be waiting
        (RenderState.CANCELLING, "RUNNING", "collect", 1, False),  # the provider would refuse
        (RenderState.RENDERING, "PENDING", "cancel", 2.9, False),
        (RenderState.RENDERING, "PENDING", "cancel", 3, True),  # its deadline is its owner's word
        (RenderState.RENDERING, "PENDING", "collect", 3, False),
        (RenderState.TIMED_OUT, "PENDING", "cancel", 4, False),  # was asked at the deadline
    ],
)
def test_who_is_asked_to_stop(
    state: RenderState, provider_status: str | None, on_timeout: str, seconds: float, *, wanted: bool
) -> None:
    due = make_due(state=state, provider_status=provider_status, on_timeout=on_timeout)

    assert due.wants_cancel(START + timedelta(seconds=seconds)) is wanted


@given(now=MOMENTS, poll_at=MOMENTS, interval=st.floats(0.001, 86_400), deadline=st.floats(0.001, 86_400), word=WORDS)
def test_the_next_poll_is_after_now_and_by_the_deadline(
    now: float, poll_at: float, interval: float, deadline: float, word: str
) -> None:
    due = make_due(poll_at=min(poll_at, deadline), interval=interval, deadline_at=deadline)

    outcome = decide_at(now, word, due)

    if outcome.to_state is None:
        assert START + timedelta(seconds=now) < (outcome.next_poll_at or due.deadline_at) <= due.deadline_at


@given(now=MOMENTS, state=STATES, unknown_count=st.integers(0, 100))
def test_an_error_is_never_the_end_before_the_deadline(now: float, state: RenderState, unknown_count: int) -> None:
    due = make_due(state=state, unknown_count=unknown_count, deadline_at=86_400)

    outcome = decide_poll(due, NoAnswerError("cut"), START + timedelta(seconds=now), RULES)

    if outcome.to_state in TERMINAL or outcome.ends_task:
        assert now >= 86_400 - RULES.late_interval.total_seconds()
