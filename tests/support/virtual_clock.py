"""A clock that stands still until the test moves it."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from sqlalchemy.orm import Session

from workers.runtime.host_clock import HostClock

START = datetime(2026, 11, 23, 12, 0, tzinfo=UTC)
"""What every virtual clock shows first."""


class VirtualClock:
    """The database's clock, as far as the steps can tell."""

    def __init__(self) -> None:
        self.time = START

    def now(self, _session: Session | None = None) -> datetime:
        """The time now."""
        return self.time

    def advance(self, seconds: float) -> datetime:
        """Move forward, and give the new time."""
        self.time += timedelta(seconds=seconds)
        return self.time

    def at(self, seconds: float) -> datetime:
        """The time that many seconds after the start."""
        return START + timedelta(seconds=seconds)


class SteppedClock:
    """A clock that somebody sets: the time of another one, and so much more."""

    def __init__(self, clock: VirtualClock, offset_seconds: float = 0) -> None:
        self._clock = clock
        self.offset = timedelta(seconds=offset_seconds)

    def now(self, _session: Session | None = None) -> datetime:
        """The time that it shows."""
        return self._clock.now() + self.offset


class AccompanyingHost(HostClock):
    """A host that counts the seconds that a virtual clock was moved, so that the clock goes on and is never set."""

    def __init__(self, clock: VirtualClock) -> None:
        self._clock = clock

    def seconds(self) -> float:
        """Seconds since the clock's start."""
        return (self._clock.time - START).total_seconds()
