"""What a case is."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from uuid import UUID

from embedded.chaos.harness import Harness

Act = Callable[[Harness], list[UUID]]


@dataclass(frozen=True)
class Case:
    """One way to hurt the stack while it works."""

    family: str
    name: str
    act: Act
    """Orders clips and hurts; returns the jobs when the last blow has fallen and what was taken away is back."""
    proof: Callable[[Harness, list[UUID]], bool] = lambda _world, _job_ids: True
    """Whether the jobs show that they were hurt; asked when they have ended, and only where no others were about."""
    in_ci: bool = False
    """Whether every CI run plays it; the others are played by ``-m chaos``."""

    def __str__(self) -> str:
        """For tables and test ids."""
        return f"{self.family}: {self.name}"


def has_adopted(count: int) -> Callable[[Harness, list[UUID]], bool]:
    """A proof: so many jobs found their task in the provider's listing.

    More is fine: a busy machine may lose an answer, as it comes after the shortened time limit.
    """
    return lambda world, job_ids: world.attempts(job_ids)["adopted"] >= count
