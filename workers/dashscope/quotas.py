"""What the provider says an account may do: its quotas, read leniently, since only the model's id is always there.

Source: Alibaba Cloud Model Studio, listing model quotas, September 2026.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final, TypeVar

from workers.dashscope.wire import UnreadableError

PAGE_SIZE: Final = 100
PAGES_MAX: Final = 50
PATHS: Final = ("/api/v1/quotas", "/api/v1/models/limits")
"""The same answer under two names; hosts have one of them, both, or none."""
_MOST: Final = 1_000_000

N = TypeVar("N", int, float)


@dataclass(frozen=True)
class Quota:
    """The limits of one model for one account; the smaller of what its main account and its workspace may do."""

    model: str
    slots: int | None
    """Tasks that run at a time; None: nothing is stated. 0: none may."""
    submits_per_second: float | None
    """None: unlimited, or nothing is stated. 0: nothing may be sent."""


@dataclass(frozen=True)
class QuotaPage:
    """One page of the list."""

    total: int
    quotas: list[Quota]


def parse_quotas(document: Mapping[str, Any]) -> QuotaPage:
    """A page; a row without a model's id says nothing.

    Raises:
        UnreadableError: It is no list of quotas, or an error in a good answer's clothes.
    """
    output = document.get("output")
    rows = output.get("quotas", output.get("limits")) if isinstance(output, dict) else None
    if document.get("success") is False or not isinstance(output, dict) or not isinstance(rows, list):
        raise UnreadableError("no list of quotas")
    found = [_quota(row) for row in rows if isinstance(row, dict) and isinstance(row.get("model"), str)]
    total = _whole(output.get("total"))
    return QuotaPage(len(rows) if total is None else total, found)


def smallest(quotas: list[Quota]) -> dict[str, Quota]:
    """The quotas by model; of several rows of one model, the smaller numbers count."""
    found: dict[str, Quota] = {}
    for one in quotas:
        seen = found.get(one.model)
        found[one.model] = (
            one
            if seen is None
            else Quota(
                one.model,
                _least([one.slots, seen.slots]),
                _least([one.submits_per_second, seen.submits_per_second]),
            )
        )
    return found


def _quota(row: Mapping[str, Any]) -> Quota:
    levels = [level for level in (row.get("model_limit"), row.get("workspace_limit")) if isinstance(level, dict)]
    return Quota(
        model=str(row["model"]),
        slots=_least([_whole(level.get("async_user_concurrency_limit")) for level in levels]),
        submits_per_second=_least([_per_second(level) for level in levels]),
    )


def _per_second(level: Mapping[str, Any]) -> float | None:
    count, seconds = _whole(level.get("request_limit")), _whole(level.get("request_limit_period"))
    return None if count is None else count / (seconds or 1)


def _whole(value: object) -> int | None:
    """A count, also where it is text; None for anything else, and for what is below 0 or beyond all reason."""
    if isinstance(value, str) and value.isascii() and value.isdecimal():
        value = int(value[:12])
    return value if isinstance(value, int) and not isinstance(value, bool) and 0 <= value <= _MOST else None


def _least(numbers: list[N | None]) -> N | None:
    return min((number for number in numbers if number is not None), default=None)
