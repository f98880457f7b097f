"""Event loops in which waiting costs no real time."""

from __future__ import annotations

import asyncio
import selectors
from collections.abc import Callable, Coroutine
from selectors import SelectorKey
from typing import TypeVar

from reelqueue.errors import ReelqueueError

T = TypeVar("T")


class StalledError(ReelqueueError):
    """A loop waits for something that no timer and no other worker will bring."""


class _TimelessSelector(selectors.DefaultSelector):
    """A selector that lets another worker run in place of waiting."""

    def __init__(self, wait: Callable[[float], None]) -> None:
        super().__init__()
        self._wait = wait
        self.is_closing = False

    def select(self, timeout: float | None = None) -> list[tuple[SelectorKey, int]]:
        """What is ready now, else nothing after *timeout* virtual seconds."""
        ready = super().select(0)
        if ready or timeout == 0 or self.is_closing:
            return ready
        if timeout is None:
            raise StalledError("an event loop waits for ever; nothing in the simulation may wait for the outside")
        self._wait(timeout)
        return []


class VirtualLoop(asyncio.SelectorEventLoop):
    """A worker's loop: its time is the simulation's, and its waiting lets others run."""

    def __init__(self, seconds: Callable[[], float], wait: Callable[[float], None]) -> None:
        self._seconds = seconds
        self._timeless = _TimelessSelector(wait)
        super().__init__(self._timeless)

    def time(self) -> float:
        """Virtual seconds."""
        return self._seconds()

    def run(self, main: Coroutine[object, object, T]) -> T:
        """Like ``asyncio.run``, and also tidy when a worker is killed in the middle."""
        try:
            return self.run_until_complete(main)
        finally:
            self._timeless.is_closing = True
            self._end_tasks()
            self.close()

    def _end_tasks(self) -> None:
        left = asyncio.all_tasks(self)
        for task in left:
            task.cancel()
        if left:
            self.run_until_complete(asyncio.gather(*left, return_exceptions=True))
        self.run_until_complete(self.shutdown_asyncgens())


class InstantLoop(asyncio.SelectorEventLoop):
    """An event loop with a time of its own that skips every wait, to measure how long an answer would take."""

    def __init__(self) -> None:
        self._now = 0.0
        super().__init__(_TimelessSelector(self._jump))

    def time(self) -> float:
        """Seconds of waiting, so far."""
        return self._now

    def _jump(self, seconds: float) -> None:
        self._now += seconds
