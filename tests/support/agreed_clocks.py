"""A provider whose clock this process has compared with the database's, and found right."""

from __future__ import annotations

from datetime import datetime
from uuid import UUID

from workers.runtime.known_clocks import KnownClock, KnownClocks


class AgreedClocks(KnownClocks):
    """Every account's clock is known, so that no submit asks for it first."""

    def of(self, _account_id: UUID, *, now: datetime, seconds: float) -> KnownClock:
        """As it has just been measured."""
        return KnownClock(0.0, now, seconds)
