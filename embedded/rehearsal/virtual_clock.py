"""Virtual time: one clock for the steps, their host and the simulator, which moves from one event to the next."""

from __future__ import annotations

import math
from collections.abc import Coroutine
from datetime import datetime, timedelta
from typing import Any, TypeVar

from sqlalchemy.orm import Session

from embedded.rehearsal.virtual_event_loop import VirtualLoop
from workers.runtime.host_clock import HostClock

T = TypeVar("T")


class StageClock:
    """The virtual time of a rehearsal; it is constant until it is moved."""

    offset_ms = 0
    """The simulator's word for how far it was moved by hand: never."""

    def __init__(self, begin: datetime) -> None:
        self.begin = begin
        self.time = begin

    def now(self, _session: Session | None = None) -> datetime:
        """The time by the database's clock."""
        return self.time

    def now_ms(self) -> int:
        """As the simulator reads it: milliseconds since the epoch."""
        return int(self.time.timestamp() * 1000)

    def seconds(self) -> float:
        """Since the beginning."""
        return (self.time - self.begin).total_seconds()

    def pass_seconds(self, seconds: float) -> None:
        """Let time pass; rounded up, or who waits for a part of a microsecond would wait for ever."""
        self.time += timedelta(microseconds=math.ceil(seconds * 1_000_000))

    def advance(self, milliseconds: int) -> None:
        """The simulator's way to let time pass."""
        self.pass_seconds(milliseconds / 1000)


class StageHost(HostClock):
    """The machine of the steps: waiting costs it virtual time only."""

    def __init__(self, clock: StageClock) -> None:
        self._clock = clock

    def seconds(self) -> float:
        """Virtual seconds."""
        return self._clock.seconds()

    def sleep(self, seconds: float) -> None:
        """Let virtual time pass."""
        self._clock.pass_seconds(seconds)

    def run(self, main: Coroutine[Any, Any, T]) -> T:
        """In a loop on virtual time."""
        return VirtualLoop(self._clock.seconds, self._clock.pass_seconds).run(main)
