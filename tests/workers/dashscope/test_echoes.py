"""Echoes: when a prompt that comes back is ours."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from workers.dashscope.echoes import Echoes, is_echo

LONG = "a very long tracking shot " * 40


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
