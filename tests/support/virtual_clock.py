"""A clock that stands still until the test moves it."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from sqlalchemy.orm import Session

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
