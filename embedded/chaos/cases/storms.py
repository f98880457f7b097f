"""One death after the other, for longer than one heals."""

from __future__ import annotations

import time
from collections.abc import Iterable
from typing import Final
from uuid import UUID

from embedded.chaos.cases.case import Case
from embedded.chaos.harness import Harness
from embedded.chaos.worker_processes import WORKERS
from workers.failpoints import Failpoint

_FAMILY: Final = "storm"
_JOBS: Final = 8
_SECONDS: Final = 16.0
_PAUSE_SECONDS: Final = (0.3, 1.0)
"""Between two kills on one host: a worker is back after one to two seconds."""
_ARMED_AT_ONCE: Final = 2
"""For each host."""
_QUESTIONS: Final = 3
"""Alone, and as many in a batch: their steps have failpoints, too."""
_HELPED: Final = {
    *(Failpoint.REFUSED, Failpoint.CANCELLING, Failpoint.RECONCILED, Failpoint.LISTED, Failpoint.DOUBTED),
    Failpoint.BATCH_LISTED,
}
# What jobs pass without the help of another fault.
_PASSED: Final[tuple[Failpoint, ...]] = tuple(name for name in Failpoint if name not in _HELPED)


def _at_any_moment(world: Harness) -> list[UUID]:
    """Kill some worker every half second or so."""
    job_ids = world.enqueue(_JOBS)
    until = time.monotonic() + _SECONDS
    while time.monotonic() < until:
        running = [member for name in WORKERS for member in world.members(name) if member.is_running]
        if running:
            world.kill(world.random.choice(running))
        world.pause(world.random.uniform(*_PAUSE_SECONDS) / len(world.crews))
    return job_ids


def _at_failpoints(world: Harness) -> list[UUID]:
    """Keep some failpoints armed, so that each process that passes one dies there."""
    armed = set(_arm_others(world, ()))
    job_ids = world.enqueue(_JOBS)
    world.ask(_QUESTIONS)
    world.ask(_QUESTIONS, is_batched=True)
    until = time.monotonic() + _SECONDS
    while time.monotonic() < until:
        met = {name for name in armed if world.has_met(name)}
        world.injected["crash"] += len(met)
        armed -= met
        armed |= set(_arm_others(world, armed | met))
        world.pause(0.2)
    world.injected["crash"] += sum(world.has_met(name) for name in armed)
    world.site.disarm()
    return job_ids


def _arm_others(world: Harness, armed: Iterable[Failpoint]) -> list[Failpoint]:
    busy = set(armed)
    free = [name for name in _PASSED if name not in busy]
    chosen = world.random.sample(free, max(_ARMED_AT_ONCE * len(world.crews) - len(busy), 0))
    for name in chosen:
        world.arm(name)
    return chosen


STORMS: Final = (
    Case(_FAMILY, "some worker, at any moment", _at_any_moment, in_ci=True),
    Case(_FAMILY, "whoever passes one of some failpoints", _at_failpoints),
)
"""Each kills workers for a while."""
