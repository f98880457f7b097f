"""Delays that grow from failure to failure, so that what is down is asked less and less often."""

from __future__ import annotations

import random
from dataclasses import dataclass

_DOUBLINGS_MAX = 64
"""More than any longest delay needs; a float holds the result."""


@dataclass(frozen=True, slots=True)
class Backoff:
    """Exponential backoff with jitter.

    >>> [Backoff(first_seconds=5, longest_seconds=60).delay(failures) for failures in (1, 2, 3, 9)]
    [5, 10, 20, 60]
    """

    first_seconds: float
    """Delay after the first failure."""
    longest_seconds: float
    """No delay is longer."""
    jitter: float = 0.0
    """A delay is shorter by up to this share of it, at random, so that callers do not come back all at once."""
    factor: float = 2.0
    """Growth from one delay to the next."""

    def delay(self, failures: int, *, at_least: float = 0.0) -> float:
        """Delay before the next try, in seconds: in ``(1 - jitter, 1] * min(first * factor**(failures - 1), longest)``.

        Args:
            failures: Failures in a row so far, from 1.
            at_least: What the other side asks for, in seconds; it counts up to the longest delay.
        """
        grown = self.first_seconds * self.factor ** min(failures - 1, _DOUBLINGS_MAX)
        full = min(max(grown, at_least), self.longest_seconds)
        # Without jitter nothing is drawn: a simulation's random numbers stay those of its seed.
        return full * random.uniform(1 - self.jitter, 1) if self.jitter else full  # noqa: S311 - spreads load
