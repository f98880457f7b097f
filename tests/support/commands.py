"""The operators' commands, run in this process."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass


@dataclass(frozen=True)
class Ended:
    """How a command ended."""

    exit_code: object
    out: str
    err: str


Run = Callable[..., Ended]
