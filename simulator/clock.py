"""What time it is for the simulator.

The time scale never bends the clock: times on the wire are real, so that a client may compare them with its
own and the listing's 24-hour windows mean 24 hours. Only *durations* (queueing, running, expiry) are divided
by the scale, where they are computed. Rate limits are per real second for the same reason: clients pace
themselves in real seconds.
"""

from __future__ import annotations

import time
from datetime import datetime, timedelta, timezone
from typing import Final, Protocol

BEIJING: Final = timezone(timedelta(hours=8))
"""The zone of every DashScope time, in every region (Model Studio, managing asynchronous tasks, read 2026-10)."""


class Clock(Protocol):
    """Tells the time and can be moved forward."""

    offset_ms: int
    """How far it was moved by `advance`, in all."""

    def now_ms(self) -> int:
        """Milliseconds since the epoch."""

    def advance(self, milliseconds: int) -> None:
        """Move forward by *milliseconds*."""


class WallClock:
    """The machine's clock plus what a person advanced it by."""

    def __init__(self, offset_ms: int = 0) -> None:
        self.offset_ms = offset_ms

    def now_ms(self) -> int:
        """Milliseconds since the epoch."""
        return time.time_ns() // 1_000_000 + self.offset_ms

    def advance(self, milliseconds: int) -> None:
        """Move forward by *milliseconds*."""
        self.offset_ms += milliseconds


class VirtualClock:
    """A clock that stands still until it is advanced."""

    def __init__(self, start_ms: int = 1_780_000_000_000) -> None:
        self.start_ms = start_ms
        self.offset_ms = 0

    def now_ms(self) -> int:
        """Milliseconds since the epoch."""
        return self.start_ms + self.offset_ms

    def advance(self, milliseconds: int) -> None:
        """Move forward by *milliseconds*."""
        self.offset_ms += milliseconds


def beijing_text(at_ms: int) -> str:
    """The query API's spelling of a time: ``2026-11-23 17:38:24.817``, UTC+8 without saying so."""
    moment = datetime.fromtimestamp(at_ms / 1000, BEIJING)
    return f"{moment:%Y-%m-%d %H:%M:%S}.{at_ms % 1000:03d}"
