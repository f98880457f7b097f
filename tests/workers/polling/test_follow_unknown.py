"""UNKNOWN means never existed, expired, or somewhere else: only several in a row are believed."""

from __future__ import annotations

from reelqueue.states import FailureClass, RenderState
from tests.support.due import RULES, decide_at, make_due
from workers.dashscope import NoAnswerError


def test_a_task_is_lost_after_the_limit() -> None:
    outcome = decide_at(1, "UNKNOWN", make_due(unknown_count=RULES.unknown_limit - 1))

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

    outcome = decide_at(100, "UNKNOWN", due)

    assert outcome.to_state is None
    assert outcome.ends_task


def test_the_deadline_comes_before_the_limit() -> None:
    outcome = decide_at(3, "UNKNOWN", make_due(unknown_count=1))

    assert outcome.to_state is RenderState.TIMED_OUT
    assert outcome.unknown_count == 2
