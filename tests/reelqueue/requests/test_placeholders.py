"""Texts that are no prompts, told before they are paid for."""

from __future__ import annotations

import pytest

from reelqueue import parse_request


@pytest.mark.parametrize(
    "prompt",
    [
        "TODO", "tbd.", "[Your prompt here]", "n/a", "N.A.", "-", "...", "#REF!", "null", "prompt",
        "Lorem ipsum dolor sit amet", "{{ name }} on a table", "{name} on a table", "a fox, <insert place here>",
        "a fox in #NAME? style", "[object Object] on marble", "a fox (TODO: place)", "待定",
    ],
)  # fmt: skip
def test_a_placeholder_is_warned_of(prompt: str) -> None:
    (warning,) = parse_request({"model": "wan2.6-t2v", "prompt": prompt}).warnings

    assert warning.startswith("prompt: ")
    assert "looks like a placeholder; it would be rendered, and paid for, as it is" in warning


@pytest.mark.parametrize(
    "prompt", ["a fox", "Nana waves", "a sign that says 'prompt delivery'", "5 < 6 and 7 > 6", "a (small) fox", "🦊"]
)
def test_a_prompt_is_not(prompt: str) -> None:
    assert parse_request({"model": "wan2.6-t2v", "prompt": prompt}).warnings == ()
