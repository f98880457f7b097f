"""Echoes: when a prompt that comes back is ours."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from workers.dashscope import ListedTask, TaskAnswer
from workers.reconciliation.task_matching import Absent, Adopt, Doubt, Echoes, Stranger, Unclear, is_echo, judge

LONG = "a very long tracking shot " * 40
STATUSES = st.sampled_from(["PENDING", "RUNNING", "SUCCEEDED", "FAILED", "CANCELED", "UNKNOWN", "SUSPENDED"])
PROMPTS = st.sampled_from([None, "a cat", "a dog", "a bird"])


def make_stranger(status: str, echo: str | None, number: int = 0) -> Stranger:
    """A task that nobody knows."""
    listed = ListedTask(f"task-{number}", status, None, None)
    return Stranger(listed, TaskAnswer(status, orig_prompt=echo))


@pytest.mark.parametrize(
    ("prompt", "echoed", "is_ours"),
    [
        ("a cat", "a cat", True),
        ("a cat\n", "a cat", True),  # tidied
        ("a  cat", "a cat", True),
        ("ﬁne café", "fine café", True),  # normalised
        (LONG, LONG[:800], True),  # cut to the model's limit
        (LONG, LONG[:100], False),  # too short to be a cut
        ("a cat", "a cat sleeps", False),
        ("a cat", "A cat", False),
        ("a cat", "", False),
        ("a cat", None, False),
    ],
)
def test_an_echo(prompt: str, echoed: str | None, *, is_ours: bool) -> None:
    assert is_echo(prompt, echoed) is is_ours


def test_a_prompt_is_looked_up_in_many_echoes_at_once() -> None:
    echoes = Echoes(["a  cat", "a cat", "a dog", LONG[:800], LONG[:600], LONG[:100], ""])

    assert echoes.of("a cat\n") == {"a  cat", "a cat"}
    assert echoes.of(LONG) == {LONG[:800], LONG[:600]}
    assert echoes.of(LONG[:600]) == {LONG[:600]}
    assert (echoes.of(""), echoes.of("a")) == ({""}, frozenset())


@given(st.text(min_size=1))
def test_every_prompt_is_its_own_echo(prompt: str) -> None:
    assert is_echo(prompt, prompt)


@given(st.lists(st.tuples(STATUSES, PROMPTS), max_size=5), st.integers(0, 3))
def test_nothing_is_adopted_that_may_be_anothers(tasks: list[tuple[str, str | None]], rival_count: int) -> None:
    strangers = [make_stranger(status, echo, number) for number, (status, echo) in enumerate(tasks)]

    finding = judge(Doubt("a cat", rival_count, 0), strangers)

    if isinstance(finding, Adopt):
        status, echo = tasks[int(finding.task.provider_task_id.removeprefix("task-"))]
        is_alone = rival_count == 0 and status in {"SUCCEEDED", "FAILED", "CANCELED"}
        assert echo == "a cat" or (echo is None and is_alone)


@given(st.lists(st.tuples(STATUSES, PROMPTS), max_size=5), st.integers(0, 3), st.integers(0, 3))
def test_absent_means_that_every_task_is_provably_anothers(
    tasks: list[tuple[str, str | None]], rival_count: int, twin_count: int
) -> None:
    strangers = [make_stranger(status, echo) for status, echo in tasks]

    finding = judge(Doubt("a cat", rival_count, twin_count), strangers)

    assert isinstance(finding, Absent) == all(echo not in {None, "a cat"} for _, echo in tasks)
    assert not isinstance(finding, Unclear) or finding.has_candidates
