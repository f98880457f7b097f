"""What an account may do: its slots and submits per second, model by model.

The operator's number and the provider's own both bind; what is published counts where the provider has not said.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Any, Final, Self

from models.account import Account
from reelqueue.catalog import lookup

# What the strictest documented models allow; for models whose limits are not published.
UNKNOWN_MODEL_SLOTS = 2
UNKNOWN_MODEL_SUBMITS_PER_SECOND = 2.0
UNSTATED_FOR: Final = timedelta(hours=24)
"""So long the last stated slots count while the provider states none: one answer may lack what the next one has."""
_TIMES: Final = ("lowered_at", "unstated_since")


@dataclass(frozen=True)
class LaneLimits:
    """Limits of one account for one model."""

    slots: int
    """Tasks that the provider renders at a time."""
    submits_per_second: float


@dataclass(frozen=True)
class ReadLimit:
    """What the provider says of one model of an account, and what it said before."""

    slots: int | None = None
    """In force; None: it states none."""
    submits_per_second: float | None = None
    higher_slots: int | None = None
    """Read once: in force when it is read again."""
    lowered_at: datetime | None = None
    """When it last allowed less than before; what was leased until then stays."""
    unstated_since: datetime | None = None
    """Since when readings state no slots; None: the last one did, or none ever."""

    @classmethod
    def of(cls, account: Account, model: str) -> Self:
        """As stored with an account; everything None where it was never read."""
        stored: Mapping[str, Any] = (account.read_limits or {}).get(model, {})
        times = {name: datetime.fromisoformat(stored[name]) for name in _TIMES if name in stored}
        return cls(**{**stored, **times})

    def stored(self) -> dict[str, Any]:
        """As JSON, without what is None."""
        known = {name: value for name, value in vars(self).items() if value is not None}
        return {name: value.isoformat() if isinstance(value, datetime) else value for name, value in known.items()}

    def follow(self, slots: int | None, per_second: float | None, *, assumed: int, now: datetime) -> ReadLimit:
        """What is in force after a reading: fewer slots at once, more when they are read twice in a row.

        Where none are stated, the last ones stay for :data:`UNSTATED_FOR`.

        Args:
            slots: As read; None: none are stated.
            per_second: As read.
            assumed: The slots that count while the provider states none.
            now: Time of the reading.
        """
        if slots is None and self.slots is not None:
            return self._without_slots(per_second, now)
        current = assumed if self.slots is None else self.slots
        is_raised = slots is not None and slots > current
        if is_raised and slots != self.higher_slots:
            return replace(self, submits_per_second=per_second, higher_slots=slots, unstated_since=None)
        is_lowered = (slots is not None and slots < current) or self._is_stopped(per_second)
        return ReadLimit(slots, per_second, None, now if is_lowered else self.lowered_at)

    def _without_slots(self, per_second: float | None, now: datetime) -> ReadLimit:
        since = min(self.unstated_since or now, now)
        is_over = now - since >= UNSTATED_FOR
        lowered_at = now if is_over or self._is_stopped(per_second) else self.lowered_at
        if is_over:
            return ReadLimit(None, per_second, None, lowered_at)
        return ReadLimit(self.slots, per_second, None, lowered_at, since)

    def _is_stopped(self, per_second: float | None) -> bool:
        return per_second == 0 != self.submits_per_second


def lane_limits(account: Account, model: str) -> LaneLimits:
    """The smaller of the operator's and the provider's own limits; the published ones where neither is known."""
    spec, read = lookup(model), ReadLimit.of(account, model)
    known = [count for count in (account.slot_limits.get(model), read.slots) if count is not None]
    slots = min(map(int, known)) if known else assumed_slots(model)
    published = (spec.submits_per_second if spec else None) or UNKNOWN_MODEL_SUBMITS_PER_SECOND
    per_second = read.submits_per_second if read.submits_per_second is not None else float(published)
    if not per_second:  # nothing may be sent
        return LaneLimits(0, float(published))
    return LaneLimits(slots, per_second)


def assumed_slots(model: str) -> int:
    """The published slots of a model, or a cautious number where none are."""
    spec = lookup(model)
    return (spec.slots if spec else None) or UNKNOWN_MODEL_SLOTS


def offers(account: Account, model: str) -> bool:
    """Whether an account renders a model."""
    return account.models is None or model in account.models
