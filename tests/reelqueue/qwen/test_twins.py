"""The two clients offer the same methods with the same parameters."""

from __future__ import annotations

import inspect

import pytest

from reelqueue.qwen import AsyncQwenClient, AsyncTextReply, QwenClient, TextReply

TWINS = [(QwenClient, AsyncQwenClient), (TextReply, AsyncTextReply)]


def public(kind: type) -> dict[str, object]:
    """A class's public members."""
    return {name: member for name, member in vars(kind).items() if not name.startswith("_")}


@pytest.mark.parametrize(("blocking", "asynchronous"), TWINS)
def test_twins_have_the_same_public_members(blocking: type, asynchronous: type) -> None:
    assert public(blocking).keys() == public(asynchronous).keys()


@pytest.mark.parametrize(("blocking", "asynchronous"), TWINS)
def test_twins_take_and_give_the_same(blocking: type, asynchronous: type) -> None:
    for name, member in public(blocking).items():
        if inspect.isfunction(member):
            assert signature(member) == signature(getattr(asynchronous, name))


def signature(member: object) -> str:
    """A method's parameters and result, in the words of the blocking world."""
    return str(inspect.signature(member)).replace("Async", "")  # type: ignore[arg-type]
