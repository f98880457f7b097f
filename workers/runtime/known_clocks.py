"""What this process knows of the clocks: the providers', and whether the database's was set meanwhile."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final
from uuid import UUID

_GOOD_FOR_SECONDS: Final = 600.0
_STEP_SECONDS: Final = 5.0
"""A database's clock that went on by so much more or less than this host counted was set."""


@dataclass(frozen=True)
class KnownClock:
    """One account's, as this process has measured it."""

    offset_seconds: float | None
    """The provider's minus the database's; None: no answer has told it."""
    measured_at: datetime
    """By the database's clock, ..."""
    measured_at_seconds: float
    """... and by this host's count."""

    def is_good(self, now: datetime, seconds: float) -> bool:
        """Whether it still holds: neither old, nor has the database's clock been set since."""
        counted = seconds - self.measured_at_seconds
        went_on = (now - self.measured_at).total_seconds()
        return counted <= _GOOD_FOR_SECONDS and abs(went_on - counted) <= _STEP_SECONDS


class KnownClocks:
    """The providers' clocks by account, and how the database's goes on."""

    def __init__(self) -> None:
        self._by_account: dict[UUID, KnownClock] = {}
        self._last: tuple[datetime, float] | None = None

    def keep(self, account_id: UUID, offset_seconds: float | None, *, now: datetime, seconds: float) -> None:
        """Remember a measurement.

        Args:
            account_id: Whose clock.
            offset_seconds: The provider's minus the database's; None: it would not tell.
            now: The database's clock at the time.
            seconds: This host's count at the time.
        """
        self._by_account[account_id] = KnownClock(offset_seconds, now, seconds)

    def of(self, account_id: UUID, *, now: datetime, seconds: float) -> KnownClock | None:
        """The last measurement; None: there is none that holds."""
        known = self._by_account.get(account_id)
        return known if known is not None and known.is_good(now, seconds) else None

    def went_on(self, now: datetime, seconds: float) -> None:
        """Remember where the database's clock was, at this host's count."""
        self._last = (now, seconds)

    def may_be_set_back(self, now: datetime, seconds: float) -> bool:
        """Whether the database's clock was set back since it was last remembered, or never was.

        Args:
            now: The database's clock.
            seconds: This host's count.
        """
        if self._last is None:
            return True
        then, counted = self._last
        return (now - then).total_seconds() < seconds - counted - _STEP_SECONDS

    def was_set_ahead(self, now: datetime, seconds: float) -> bool:
        """Whether the database's clock was set ahead since it was last remembered.

        Args:
            now: The database's clock.
            seconds: This host's count.
        """
        if self._last is None:
            return False
        then, counted = self._last
        return (now - then).total_seconds() > seconds - counted + _STEP_SECONDS

    def steady(self, now: datetime, seconds: float) -> datetime:
        """What the database's clock shows unless it was set ahead since it was last remembered.

        A lease is past by this time only: its holder counts seconds, and still has those that the clock skipped.

        Args:
            now: The database's clock.
            seconds: This host's count.

        Returns:
            At most *now*.
        """
        if self._last is None:
            return now
        then, counted = self._last
        return min(now, then + timedelta(seconds=seconds - counted))
