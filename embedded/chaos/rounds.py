"""One case after the other under load, and what each took to heal."""

from __future__ import annotations

import time
from dataclasses import dataclass
from typing import Final

from embedded.chaos.cases import CASES, STORMS, Case
from embedded.chaos.harness import Harness
from embedded.chaos.load import Load, finished_per_second
from embedded.chaos.reconcile_bill import CheckResult
from embedded.chaos.text_load import TextLoad

_IN_FLIGHT: Final = 14
_WARM_UP_SECONDS: Final = 8.0
_BASELINE_SECONDS: Final = 20.0
_WINDOW_SECONDS: Final = 4.0
_SHARE: Final = 0.9
_STORM_SHARE: Final = 0.45
"""Of the rounds: storms kill most."""


@dataclass(frozen=True)
class Round:
    """One case, played."""

    case: Case
    crash_count: int
    fault_count: int
    """Other than crashes."""
    healed_seconds: float
    """From the last blow until everything that was under way had ended."""
    regained_seconds: float
    """From the last blow until the throughput was at 90 % of its baseline."""


class Rounds:
    """A world under load."""

    def __init__(self, world: Harness) -> None:
        self.world = world
        self.load = Load(world, in_flight=_IN_FLIGHT)
        self.text_load = TextLoad(world)
        self.baseline_per_second = 0.0
        """Jobs that end while nothing is hurt."""
        self._deck: list[Case] = []
        world.on_tick = self._tick

    def _tick(self) -> None:
        self.load.tick()
        self.text_load.tick()

    def measure(self) -> float:
        """Measure the baseline."""
        self.world.pause(_WARM_UP_SECONDS + _BASELINE_SECONDS)
        self.baseline_per_second = finished_per_second(self.world, seconds=_BASELINE_SECONDS)
        return self.baseline_per_second

    def choose(self) -> Case:
        """A storm now and then, else the next of the catalogue in an order of chance, each before any comes again."""
        random = self.world.random
        if random.random() < _STORM_SHARE:
            return random.choice(STORMS)
        if not self._deck:
            self._deck = random.sample(CASES, len(CASES))
        return self._deck.pop()

    def play(self, case: Case) -> Round:
        """Hurt, and wait until it has healed.

        Raises:
            embedded.errors.ChaosTimeoutError: It has not within the world's patience.
        """
        world = self.world
        world.chapter = str(case)
        before = world.injected.copy()
        case.act(world)
        struck_at = time.monotonic()
        affected, asked = world.unfinished(), set(world.books.texts.unfinished())
        world.wait_for(lambda: world.has_ended(affected), f"all that was under way has ended after {case}")
        world.wait_for(
            lambda: not asked.intersection(world.books.texts.unfinished()),
            f"every text job that was under way has ended or is held after {case}",
        )
        healed_at = time.monotonic()
        world.calm()
        wanted = _SHARE * self.baseline_per_second
        world.wait_for(
            lambda: finished_per_second(world, seconds=_WINDOW_SECONDS) >= wanted,
            f"throughput is back at {wanted:.1f} jobs a second after {case}",
        )
        injected = world.injected - before
        return Round(case, injected["crash"], injected["fault"], healed_at - struck_at, time.monotonic() - struck_at)

    def finish(self) -> CheckResult:
        """Order nothing more, wait for the rest and judge."""
        self.load.is_over = self.text_load.is_over = True
        self.world.wait_for(lambda: self.load.is_stored and self.text_load.is_stored, "every order is stored")
        return self.world.finish(self.world.unfinished())
