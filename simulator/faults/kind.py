"""One way in which an answer can go wrong."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from simulator.exchange.call import Call
from simulator.exchange.dependencies import Service
from simulator.exchange.reply import Reply
from simulator.store.fault import Fault

Spoil = Callable[[Reply, Fault, Call, Service], Reply]
"""Makes the bad answer from the good one."""


@dataclass(frozen=True, slots=True)
class Kind:
    """A named way to spoil an answer."""

    name: str
    spoil: Spoil
    needs_answer: bool = False
    """The good answer must be made first, whatever the fault's phase."""
