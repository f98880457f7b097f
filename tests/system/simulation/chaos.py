"""What befalls a worker on its way, by the seed's random numbers."""

from __future__ import annotations

import errno
from collections import Counter
from dataclasses import dataclass, field
from datetime import timedelta
from random import Random
from typing import Final

from sqlalchemy.exc import OperationalError

from tests.system.simulation.stage import Killed, Step
from tests.system.simulation.temper import Temper
from tests.system.simulation.trace import Trace

_FROZEN_SECONDS: Final = (2, 8, 20, 35, 50, 120, 400)
_FILES: Final = frozenset({"creating a file", "renaming a file"})


class AwayError(Exception):
    """What psycopg would raise when Postgres goes away."""


def database_away() -> OperationalError:
    """The error that the code meets when its connection is lost."""
    return OperationalError("a statement", None, AwayError("server closed the connection unexpectedly"))


def is_expected(error: BaseException) -> bool:
    """Whether an error that a step ended with is one that was made here."""
    return isinstance(error, OperationalError) and isinstance(error.orig, AwayError)


@dataclass
class Chaos:
    """The director of the wild part of a seed."""

    temper: Temper
    random: Random
    tell: Trace
    is_database_down: bool = False
    counts: Counter[str] = field(default_factory=Counter)

    def at(self, step: Step, where: str) -> timedelta | None:
        """See :class:`tests.system.simulation.stage.Director`."""
        if where == "statement":
            return self._between_statements(step)
        does_its_worst = where == self.temper.place and self.random.random() < 0.5
        act = self.temper.act if does_its_worst else None
        self._lose_connection(step, where, anyway=act == "database")
        if act == "kill" or self._happens(self.temper.kill):
            step.is_doomed = True
            raise Killed
        if where in _FILES and self._happens(self.temper.disk):
            self._tell(step, "disk full", where)
            raise OSError(errno.ENOSPC, "No space left on device")
        # Between the connection and the first byte nothing of ours can look at a clock.
        may_freeze = step.transaction_since is None and where != "connected"
        if may_freeze and (act == "freeze" or self._happens(self.temper.freeze)):
            seconds = self.random.choice(_FROZEN_SECONDS)
            self._tell(step, f"frozen for {seconds} s", where)
            return timedelta(seconds=seconds)
        if act is not None or self._happens(self.temper.pause):
            self._tell(step, "held up", where)
            return timedelta(0)
        return None

    def _between_statements(self, step: Step) -> timedelta | None:
        if not self._happens(self.temper.overlap):
            return None
        self._tell(step, "held up", "a statement")
        return timedelta(0)

    def _lose_connection(self, step: Step, where: str, *, anyway: bool) -> None:
        is_down = self.is_database_down and where.startswith("before ")
        at_transaction = where.startswith(("before ", "commit ", "after "))
        if is_down or (at_transaction and (anyway or self._happens(self.temper.database))):
            self._tell(step, "database lost", where)
            raise database_away()

    def _happens(self, probability: float) -> bool:
        return probability > 0 and self.random.random() < probability

    def _tell(self, step: Step, what: str, where: str) -> None:
        self.counts[what.split(" for ", maxsplit=1)[0]] += 1
        self.tell(f"   {step.label}: {what} at {where}")
