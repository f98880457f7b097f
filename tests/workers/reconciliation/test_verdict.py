"""Which of the listed tasks an attempt made."""

from __future__ import annotations

from typing import Any
from uuid import uuid4

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.support.virtual_clock import START
from workers.dashscope import ListedTask, TaskAnswer
from workers.reconciliation.result_fit import Asked, is_result_of
from workers.reconciliation.task_matching import (
    Absent,
    Adopt,
    Contender,
    MatchResult,
    UnclaimedTask,
    Unclear,
    match_task,
)

LONG = "a very long tracking shot " * 40
STATUSES = st.sampled_from(["PENDING", "RUNNING", "SUCCEEDED", "FAILED", "CANCELED", "UNKNOWN", "SUSPENDED"])
PROMPTS = st.sampled_from([None, "a cat", "a dog", "a bird"])


def usage(seconds: int | None) -> dict[str, Any] | None:
    """What a result says of itself."""
    return None if seconds is None else {"duration": seconds, "output_video_duration": seconds}


USAGES = st.sampled_from([None, usage(5), usage(10)])
SECONDS = st.sampled_from([None, 5, 10])


def make_stranger(status: str, echo: str | None, said: dict[str, Any] | None = None, number: int = 0) -> UnclaimedTask:
    """A task that nobody knows."""
    listed = ListedTask(f"task-{number}", status, None, None)
    return UnclaimedTask(listed, TaskAnswer(status, orig_prompt=echo, usage=said))


def contender(
    request: str, prompt: str | None, seconds: int | None = None, lane: str = "here", *, is_in_window: bool = True
) -> Contender:
    """An attempt in doubt."""
    return Contender(
        uuid4(), request, lane, prompt, Asked(seconds, None), silent_since=START, is_in_window=is_in_window
    )


TASKS = st.lists(st.tuples(STATUSES, PROMPTS, USAGES), max_size=5)
LANES = st.sampled_from(["here", "there"])
RIVAL = st.builds(contender, st.sampled_from(["a", "b"]), PROMPTS, SECONDS, LANES, is_in_window=st.booleans())
RIVALS = st.lists(RIVAL, max_size=4)


@given(TASKS, RIVALS, PROMPTS, SECONDS)
def test_nothing_is_adopted_that_may_be_anothers(
    tasks: list[tuple[str, str | None, dict[str, Any] | None]],
    rivals: list[Contender],
    prompt: str | None,
    seconds: int | None,
) -> None:
    mine = contender("a", prompt, seconds)
    rivals = [one for one in rivals if one.request != "a" or (one.prompt, one.asked) == (mine.prompt, mine.asked)]
    strangers = [make_stranger(*said, number=number) for number, said in enumerate(tasks)]

    finding = match_task(mine, rivals, strangers)

    if not isinstance(finding, Adopt):
        return
    adopted = next(one for one in strangers if one.task == finding.task)
    others = [one for one in rivals if one.request != mine.request]
    if finding.is_by_elimination:
        likely = [one for one in strangers if one.is_silent or mine.echoes(one)]
        assert adopted.is_silent
        assert all(one.has_ended for one in likely)
        assert len(likely) <= 1 + sum(one.is_in_window for one in rivals)
        others = [one for one in rivals if not one.is_interchangeable(mine)]
        assert is_result_of(mine.asked, adopted.answer)
        assert not any(is_result_of(one.asked, adopted.answer) for one in others)
    else:
        assert mine.echoes(adopted)
        likeliest = [one for one in others if one.echoes(adopted)]
        assert not any(is_result_of(one.asked, adopted.answer) for one in likeliest)


@pytest.mark.parametrize("said", [pytest.param(10**400, id="huge"), "9" * 40, "nan", "4K", True, "", None])
@pytest.mark.parametrize("name", ["duration", "SR", "size", "ratio", "input_video_duration"])
def test_no_usage_is_too_odd_to_be_compared(name: str, said: object) -> None:
    asked = Asked(5, "1280x720", "16:9")

    assert is_result_of(asked, TaskAnswer("SUCCEEDED", usage={name: said})) in {True, False}


@given(TASKS, RIVALS)
def test_absent_means_that_every_task_is_provably_anothers(
    tasks: list[tuple[str, str | None, dict[str, Any] | None]], rivals: list[Contender]
) -> None:
    strangers = [make_stranger(*said) for said in tasks]

    finding = match_task(contender("a", "a cat"), rivals, strangers)

    assert isinstance(finding, Absent) == all(echo not in {None, "a cat"} for _, echo, _ in tasks)
    assert not isinstance(finding, Unclear) or finding.has_candidates


SILENT = ("SUCCEEDED", None)
FAILED = ("FAILED", None)
RUNNING = ("RUNNING", None)


@pytest.mark.parametrize(
    ("rivals", "tasks", "verdict"),
    [
        # Pictures without a prompt, equal to the last byte.
        (["a"], [SILENT, SILENT], "eliminated"),
        (["a", "a"], [SILENT], "eliminated"),  # and two are proven absent afterwards
        (["a"], [SILENT, SILENT, SILENT], "unclear"),
        (["a"], [SILENT, RUNNING], "unclear"),
        (["a"], [SILENT, FAILED], "eliminated"),
        # One of them is of another request.
        (["a", "b"], [SILENT, SILENT, SILENT], "unclear"),
        (["b"], [SILENT, SILENT], "unclear"),
        (["b"], [SILENT], "unclear"),
        (["b"], [], "absent"),
    ],
)
def test_requests_without_a_prompt_are_judged_as_a_set(
    rivals: list[str], tasks: list[tuple[str, str | None]], verdict: str
) -> None:
    strangers = [make_stranger(*said, number=number) for number, said in enumerate(tasks)]

    assert _word(match_task(contender("a", None), [contender(one, None) for one in rivals], strangers)) == verdict


@pytest.mark.parametrize(
    ("rivals", "lengths", "verdict"),
    [
        ([("b", 10)], [5, 10], "adopt"),
        ([("b", 10)], [5], "adopt"),
        ([("b", 10)], [10], "unclear"),  # the other one adopts it, and then it is absent
        ([("b", 5)], [5, 5], "unclear"),  # another seed
        ([("b", 5), ("a", 5)], [5, 5, 5], "unclear"),
        ([("b", 10)], [None, None], "unclear"),
        ([("b", None)], [5, 5], "unclear"),
        ([("a", 5)], [5, 5], "adopt"),
        ([("a", 5)], [10], "adopt"),  # nobody else can have made it: the provider has made it longer
    ],
)
def test_equal_prompts_are_told_apart_by_the_length_of_the_result(
    rivals: list[tuple[str, int | None]], lengths: list[int | None], verdict: str
) -> None:
    echoed = [make_stranger("SUCCEEDED", "a cat", usage(one), number=number) for number, one in enumerate(lengths)]

    finding = match_task(contender("a", "a cat", 5), [contender(name, "a cat", one) for name, one in rivals], echoed)

    assert _word(finding) == verdict
    if isinstance(finding, Adopt) and 5 in lengths:
        assert lengths[int(finding.task.provider_task_id.removeprefix("task-"))] == 5


@pytest.mark.parametrize(
    ("rivals", "lengths", "verdict"),
    [
        ([], [5, 5], "unclear"),
        ([], [5, 10], "adopt"),
        ([], [10, 10], "unclear"),
        (["a"], [5, 5], "adopt"),
        (["a"], [5, 5, 5], "unclear"),
        (["b"], [5, 5, 5], "unclear"),
    ],
)
def test_of_more_echoes_than_attempts_none_is_adopted(rivals: list[str], lengths: list[int], verdict: str) -> None:
    echoed = [make_stranger("SUCCEEDED", "a cat", usage(one), number=number) for number, one in enumerate(lengths)]

    finding = match_task(contender("a", "a cat", 5), [contender(name, "a cat", 5) for name in rivals], echoed)

    assert _word(finding) == verdict


def test_silent_results_are_told_apart_by_their_length() -> None:
    strangers = [make_stranger("SUCCEEDED", None, usage(seconds), number=seconds) for seconds in (10, 5)]

    finding = match_task(contender("a", None, 5), [contender("b", None, 10)], strangers)

    assert isinstance(finding, Adopt)
    assert (finding.task.provider_task_id, finding.is_by_elimination) == ("task-5", True)


def test_an_attempt_outside_of_the_window_is_no_reason_to_expect_a_task() -> None:
    rivals = [contender("a", None, is_in_window=False)]

    assert (
        _word(match_task(contender("a", None), rivals, [make_stranger(*SILENT, number=n) for n in (1, 2)])) == "unclear"
    )


def test_a_silent_task_is_not_given_to_an_equal_attempt_at_another_account() -> None:
    rivals = [contender("a", None, lane="there")]

    assert _word(match_task(contender("a", None), rivals, [make_stranger(*SILENT)])) == "unclear"


def test_a_prompt_that_was_cut_may_be_that_of_a_longer_one() -> None:
    told = make_stranger("SUCCEEDED", LONG[:800])

    assert _word(match_task(contender("a", LONG), [contender("b", LONG + "at night")], [told])) == "unclear"


def _word(finding: MatchResult) -> str:
    if isinstance(finding, Adopt):
        return "eliminated" if finding.is_by_elimination else "adopt"
    return type(finding).__name__.lower()


@pytest.mark.parametrize(
    ("count", "named"),
    [
        (2, "tasks task-0, task-1 "),
        (3, "tasks task-0, task-1, task-2 "),
        (4, "tasks task-0, task-1, task-2 and 1 more "),
    ],
)
def test_a_reason_names_three_tasks_and_counts_the_others(count: int, named: str) -> None:
    finding = match_task(
        contender("a", "a cat"), [], [make_stranger(*SILENT, number=number) for number in range(count)]
    )

    assert isinstance(finding, Unclear)
    assert finding.reason.startswith(named)
