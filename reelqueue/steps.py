"""Runs the steps of an operation that is a generator: it gives each step, and is given what came of it."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Generator
from typing import TypeVar

S = TypeVar("S")
R = TypeVar("R")
T = TypeVar("T")


def run_steps(steps: Generator[S, R, T], perform: Callable[[S], R], *, handled: type[Exception]) -> T:
    """The operation's result.

    Args:
        steps: The operation; closed in the end.
        perform: Does one step.
        handled: Errors of a step that the operation decides about; others end it.
    """
    try:
        step = next(steps)
        while True:
            try:
                result = perform(step)
            except handled as error:
                step = steps.throw(error)
            else:
                step = steps.send(result)
    except StopIteration as stop:
        found: T = stop.value
        return found
    finally:
        steps.close()


async def run_steps_async(
    steps: Generator[S, R, T], perform: Callable[[S], Awaitable[R]], *, handled: type[Exception]
) -> T:
    """As :func:`run_steps`, on asyncio."""
    try:
        step = next(steps)
        while True:
            try:
                result = await perform(step)
            except handled as error:
                step = steps.throw(error)
            else:
                step = steps.send(result)
    except StopIteration as stop:
        found: T = stop.value
        return found
    finally:
        steps.close()
