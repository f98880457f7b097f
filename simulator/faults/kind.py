"""One way in which an answer can go wrong."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from simulator.faults.fault import Fault
from simulator.http.call import Call
from simulator.http.reply import Reply
from simulator.http.service import Service

Spoil = Callable[[Reply, Fault, Call, Service], Reply]
"""Makes the bad answer from the good one."""


@dataclass(frozen=True, slots=True)
class Kind:
    """A named way to spoil an answer."""

    name: str
    spoil: Spoil
    needs_answer: bool = False
    """The good answer must be made first, whatever the fault's phase."""
