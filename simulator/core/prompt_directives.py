"""Words in a prompt that choose how its task ends, so that unmodified clients can script outcomes.

======================= =======================================================================
marker                  effect
======================= =======================================================================
``[[run=30]]``          runs 30 s (before the time scale)
``[[queue=30]]``        stays PENDING for 30 s (before the time scale), and so do those behind it
``[[blocked-input]]``   fails: the input was refused by moderation
``[[blocked-output]]``  fails: the result was refused by moderation
``[[ip]]``              fails: suspected infringement
``[[internal]]``        fails: internal error
``[[timeout]]``         runs up to the service's limit of 3 h, then fails
``[[bare-fail]]``       fails without code and message
``[[fail=CODE]]``       fails with that code
======================= =======================================================================
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from types import MappingProxyType
from typing import Final

from simulator.errors import TaskFailure

_MARKER: Final = re.compile(r"\[\[([a-z-]+)(?:=([^\]\s]{1,100}))?\]\]")

_FAILURES: Final = MappingProxyType(
    {
        "blocked-input": ("DataInspectionFailed", "Input data may contain inappropriate content."),
        "blocked-output": ("DataInspectionFailed", "Output data may contain inappropriate content."),
        "ip": ("IPInfringementSuspect", "Input data is suspected of being involved in IP infringement."),
        "internal": ("InternalError", "An internal error has occurred, please try again later."),
        "bare-fail": ("", ""),
    }
)


@dataclass(frozen=True, slots=True)
class Markers:
    """What a prompt asks of the simulator."""

    run_seconds: float | None = None
    queue_seconds: float | None = None
    never_ends: bool = False
    failure: TaskFailure | None = None


def read_markers(prompt: str) -> Markers:
    """The markers in *prompt*; unknown ones and unreadable numbers mean nothing."""
    found = {match[1]: match[2] or "" for match in _MARKER.finditer(prompt)}
    return Markers(
        run_seconds=_seconds(found.get("run")),
        queue_seconds=_seconds(found.get("queue")),
        never_ends="timeout" in found,
        failure=_failure(found),
    )


def without_markers(prompt: str) -> str:
    """*prompt* as its author would want it shown."""
    return _MARKER.sub("", prompt).strip()


def _seconds(text: str | None) -> float | None:
    try:
        return None if text is None else min(max(float(text), 0.0), 1e9)
    except ValueError:
        return None


def _failure(found: dict[str, str]) -> TaskFailure | None:
    for name, (code, message) in _FAILURES.items():
        if name in found:
            return TaskFailure(code, message)
    if found.get("fail"):
        return TaskFailure(found["fail"], "The task failed as its prompt asked.")
    return None
