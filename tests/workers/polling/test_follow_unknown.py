"""UNKNOWN means never existed, expired, or somewhere else: it is believed after minutes, and with the list."""

from __future__ import annotations

from datetime import timedelta

import pytest

from reelqueue.states import FailureClass, RenderState
from tests.support.due import RULES, decide_at, make_due
from tests.support.virtual_clock import START
from workers.dashscope import NoAnswerError, TaskAnswer
from workers.polling.decisions import is_denied


@pytest.mark.parametrize(
    ("seconds", "count", "status", "denied"),
    [
        (120, 2, "UNKNOWN", True),
        (119, 2, "UNKNOWN", False),  # however often it was said
        (119, 1000, "UNKNOWN", False),
        (120, 1, "UNKNOWN", False),  # however long ago it was submitted
        (86_000, 0, "UNKNOWN", False),
        (120, 2, "RUNNING", False),
    ],
)
def test_time_and_answers_must_pass_before_the_list_is_asked(
    seconds: int, count: int, status: str, *, denied: bool
) -> None:
    due, now = make_due(unknown_count=count), START + timedelta(seconds=seconds)

    assert is_denied(due, TaskAnswer(status), now, RULES) is denied


def test_answers_alone_never_end_a_job() -> None:
    outcome = decide_at(1, "UNKNOWN", make_due(unknown_count=1000))

    assert (outcome.to_state, outcome.ends_task, outcome.unknown_count) == (None, False, 1001)


def test_a_task_that_the_list_misses_is_lost() -> None:
    outcome = decide_at(1, "UNKNOWN", make_due(unknown_count=RULES.unknown_limit - 1), is_missing=True)

    assert outcome.to_state is RenderState.LOST
    assert outcome.failure_class is FailureClass.RESULT
    assert "task-1" in (outcome.failure_message or "")
    assert outcome.ends_task


def test_each_one_counts() -> None:
    assert decide_at(1, "UNKNOWN", make_due(unknown_count=1)).unknown_count == 2


def test_any_other_word_starts_the_count_again() -> None:
    assert decide_at(1, "RUNNING", make_due(unknown_count=2)).unknown_count == 0


def test_a_flapping_task_is_never_lost() -> None:
    count = 0
    for status in ["UNKNOWN", "UNKNOWN", "RUNNING"] * 5:
        outcome = decide_at(1, status, make_due(unknown_count=count))
        count = outcome.unknown_count

        assert outcome.to_state is None


def test_an_error_between_two_leaves_the_count() -> None:
    assert decide_at(1, NoAnswerError("cut"), make_due(unknown_count=1)).unknown_count == 1


def test_a_watched_task_that_is_unknown_is_watched_no_more() -> None:
    due = make_due(state=RenderState.TIMED_OUT, unknown_count=RULES.unknown_limit - 1)

    outcome = decide_at(100, "UNKNOWN", due, is_missing=True)

    assert outcome.to_state is None
    assert outcome.ends_task
    assert not decide_at(100, "UNKNOWN", due).ends_task


def test_the_deadline_comes_before_the_limit() -> None:
    outcome = decide_at(3, "UNKNOWN", make_due(unknown_count=1))

    assert outcome.to_state is RenderState.TIMED_OUT
    assert outcome.unknown_count == 2
