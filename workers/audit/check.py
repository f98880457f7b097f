"""Types of the audit: an invariant, the rows that break it, and lists of states in queries."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from enum import StrEnum
from typing import Any


@dataclass(frozen=True)
class Check:
    """One invariant."""

    name: str
    promise: str
    """What holds, as a sentence."""
    query: str
    """Selects the offending rows."""
    is_warning: bool = False
    """Whether its rows tell of what is past and entered: they are shown, and nothing need, or can, be repaired."""


@dataclass(frozen=True)
class Finding:
    """An invariant and the rows that break it, at most 20."""

    check: Check
    rows: list[dict[str, Any]]

    @property
    def is_broken(self) -> bool:
        """Whether something is wrong now."""
        return bool(self.rows) and not self.check.is_warning


def words(states: Collection[StrEnum]) -> str:
    """States as a list in a query."""
    return ", ".join(f"'{state.value}'" for state in sorted(states))
