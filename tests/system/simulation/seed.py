"""Playing one seed: the same seed is the same story."""

from __future__ import annotations

import random
import traceback
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import timedelta
from typing import Final

from simulator.store.fault import Fault
from tests.system.simulation.bench import Bench
from tests.system.simulation.chaos import Chaos
from tests.system.simulation.people import Operator, Producer
from tests.system.simulation.restore import Backups, restorable
from tests.system.simulation.scheduler import AWAY_AT_MOST, Scheduler, UnexpectedError
from tests.system.simulation.temper import Temper, draw_temper, reviewed
from tests.system.simulation.trace import short
from tests.system.simulation.verdict import broken_invariants, judge, tally
from tests.system.simulation.world import World, open_world

# After this much virtual time without faults everything has ended: longer than the slow watch.
REST_WITHIN: Final = timedelta(hours=30)
_AUDIT_EVERY: Final = 40


@dataclass(frozen=True)
class Story:
    """What became of a seed."""

    seed: int
    problems: list[str]
    trace: list[str]
    counts: Counter[str]
    options: tuple[str, ...]
    """Of the command that plays it."""

    def __str__(self) -> str:
        """For a person who wants to know why."""
        lines = [f"seed {self.seed}", *self.trace, "", *(f"BROKEN: {short(problem)}" for problem in self.problems)]
        command = f"python -m tests.system.simulation --start {self.seed} --seeds 1{''.join(self.options)}"
        return "\n".join([*lines, f"replay: {command}"])


def play(
    bench: Bench,
    seed: int,
    *,
    temper: Temper | None = None,
    faults: Iterable[Fault] = (),
    restores: bool = False,
    scans: bool = False,
) -> Story:
    """Play a seed.

    Args:
        bench: What it is played on.
        seed: Decides everything.
        temper: Instead of the seed's own.
        faults: The provider's, when everything else has calmed down.
        restores: Whether the database is set back to backups.
        scans: Whether jobs wait for a person, and lists are compared for orphans meanwhile.
    """
    chance = random.Random(seed)  # noqa: S311 - a story, no secret
    temper = temper or draw_temper(chance)
    temper = reviewed(temper, chance) if scans else temper
    temper = restorable(temper, chance) if restores else temper
    # Back-off is jittered from the shared source.
    shared = random.getstate()
    random.seed(seed)
    try:
        with open_world(bench, temper, chance) as world:
            return _play(world, temper, chance, seed, faults)
    finally:
        random.setstate(shared)


def _play(world: World, temper: Temper, chance: random.Random, seed: int, faults: Iterable[Fault]) -> Story:
    world.trace(str(temper))
    chaos = Chaos(temper, chance, world.trace)
    world.stage.director = chaos
    producer, operator = Producer(world, temper, chance), Operator(world, chance)
    scheduler = Scheduler(world, temper, chance, chaos, producer, operator, Backups(world, temper, chance))
    world.network.before_arrival = scheduler.spoil
    problems: list[str] = []
    try:
        producer.send_all()
        problems += _go_wild(world, temper, scheduler)
        scheduler.calm_down()
        for fault in faults:
            world.provider.faults.add(fault)
        if not scheduler.settle(REST_WITHIN + AWAY_AT_MOST):
            problems.append(f"not at rest after {REST_WITHIN + AWAY_AT_MOST}")
        problems += judge(world, producer.requests)
    except UnexpectedError as error:
        problems.append("".join(traceback.format_exception(error)))
    counts = scheduler.counts + chaos.counts + tally(world)
    options = {" --restores": temper.restore, " --scans": temper.scans}
    return Story(seed, problems, world.trace.lines, counts, tuple(name for name, share in options.items() if share))


def _go_wild(world: World, temper: Temper, scheduler: Scheduler) -> list[str]:
    """Chaos; the invariants hold all the while."""
    for _ in range(round(temper.provider * 2)):
        scheduler.trouble_provider()  # before the first submit
    problems = _decide(world, temper.decisions, scheduler)
    for decisions in scheduler.backups.last_restores():
        if not problems and scheduler.backups.restorable():
            scheduler.restore()
            problems = _decide(world, decisions, scheduler)
    return problems


def _decide(world: World, decisions: int, scheduler: Scheduler) -> list[str]:
    for decision in range(decisions):
        scheduler.decide()
        if decision % _AUDIT_EVERY == 0:
            broken = list(broken_invariants(world))
            if broken:
                return [f"after {decision} decisions, {one}" for one in broken]
    return []
