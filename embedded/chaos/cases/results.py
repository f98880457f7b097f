"""Results that cannot be fetched at first, or are not what they should be."""

from __future__ import annotations

from functools import partial
from typing import Any, Final
from uuid import UUID

from embedded.chaos.cases.case import Case
from embedded.chaos.harness import Harness

_FAMILY: Final = "result"
_FAULTS: Final[dict[str, list[dict[str, Any]]]] = {
    "403 and 404 at its URL": [{"kind": "error", "status": status} for status in (403, 404)],
    "HTML with 200": [{"kind": "html", "count": 2}],
    "half a file that says so": [{"kind": "short-file", "count": 2}],
    "half a file, then the connection breaks": [{"kind": "cut", "count": 2}],
    "compressed without being asked for": [{"kind": "gzip-file", "count": 4}],
    "zeros of the right length": [{"kind": "not-media", "count": 2}],
    "never an answer": [{"kind": "hang", "count": 2}],
    "a redirect to nowhere": [{"kind": "redirect", "count": 2}],
    "no bytes": [{"kind": "empty", "count": 2}],
}


def _fetch(faults: list[dict[str, Any]], world: Harness) -> list[UUID]:
    for fault in faults:
        world.script(operation="result", **fault)
    return world.enqueue(4)


def _ancient(world: Harness) -> list[UUID]:
    """An end in 1970, and downloads that fail at first: the result is not gone for that."""
    world.script(operation="query", kind="ancient-end", count=None)
    world.script(operation="result", kind="error", status=403, count=2)
    return world.enqueue(4)


def _expired(world: Harness) -> list[UUID]:
    world.script(operation="query", kind="expired-url", skip=2, count=2)
    return world.enqueue(4)


RESULTS: Final = (
    *(Case(_FAMILY, line, partial(_fetch, faults), in_ci="breaks" in line) for line, faults in _FAULTS.items()),
    Case(_FAMILY, "an expired URL", _expired),
    Case(_FAMILY, "an end in 1970, and downloads that fail at first", _ancient),
)
"""Each spoils the way of a finished video into the archive."""
