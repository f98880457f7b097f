"""kill -9 of a worker between any two steps: every clip is rendered, paid for and stored once."""

from __future__ import annotations

import itertools

import pytest

from reelqueue.states import RenderState
from tests.faults.conftest import Finish
from tests.faults.world import World
from workers.failpoints import Action, Failpoint

# What every job passes on its way.
STRAIGHT_ON = (
    Failpoint.TAKEN_IN,
    Failpoint.ADMITTED,
    Failpoint.CLAIMING,
    Failpoint.INTENT,
    Failpoint.SENT,
    Failpoint.ACCEPTED,
    Failpoint.BOUND,
    Failpoint.POLLING,
    Failpoint.ASKED,
    Failpoint.POLLED,
    Failpoint.DOWNLOADING,
    Failpoint.DOWNLOADED,
    Failpoint.KEPT,
    Failpoint.ARCHIVED,
)
LOST_ANSWERS = (Failpoint.DOUBTED, Failpoint.LISTED, Failpoint.RECONCILED)


@pytest.mark.parametrize("name", STRAIGHT_ON)
def test_a_worker_dies_on_the_way(name: Failpoint, world: World, finish: Finish) -> None:
    world.arm(name)

    job_ids = world.enqueue(4)
    world.wait_for(lambda: world.has_met(name), f"a worker has died at {name}")

    finish(job_ids)
    assert world.states(job_ids) == {RenderState.SUCCEEDED: 4}


@pytest.mark.parametrize("name", LOST_ANSWERS)
def test_a_worker_dies_while_it_looks_for_a_lost_answer(name: Failpoint, world: World, finish: Finish) -> None:
    world.arm(name)
    world.script(operation="submit", phase="after", kind="drop", count=2)

    job_ids = world.enqueue(4)
    world.wait_for(lambda: world.has_met(name), f"a worker has died at {name}")

    finish(job_ids)
    assert world.has_adopted(job_ids, 2)


def test_a_worker_dies_with_a_refusal_in_its_hands(world: World, finish: Finish) -> None:
    world.arm(Failpoint.REFUSED)
    world.script(operation="submit", kind="error", status=429, count=2)

    job_ids = world.enqueue(4)
    world.wait_for(lambda: world.has_met(Failpoint.REFUSED), "a worker has died")

    finish(job_ids)
    assert world.states(job_ids) == {RenderState.SUCCEEDED: 4}


def test_a_worker_dies_while_it_cancels(world: World, finish: Finish) -> None:
    job_ids = world.enqueue(3, marker="[[queue=2000]]")
    world.wait_for(lambda: world.are_all(job_ids, RenderState.RENDERING), "they wait at the provider")
    world.arm(Failpoint.CANCELLING)

    world.cancel(job_ids)
    world.wait_for(lambda: world.has_met(Failpoint.CANCELLING), "a worker has died")

    finish(job_ids)
    assert world.states(job_ids) == {RenderState.CANCELLED: 3}


def test_the_healer_dies(world: World, finish: Finish) -> None:
    world.arm(Failpoint.POLLED)  # leaves results that nobody is told of
    world.arm(Failpoint.SWEPT)

    job_ids = world.enqueue(4)
    world.wait_for(lambda: world.has_met(Failpoint.SWEPT), "a worker has died")

    finish(job_ids)
    assert world.states(job_ids) == {RenderState.SUCCEEDED: 4}


def test_a_process_of_a_pool_dies_alone(world: World, finish: Finish) -> None:
    world.arm(Failpoint.ASKED, Action.KILL)

    job_ids = world.enqueue(4)
    world.wait_for(lambda: world.has_met(Failpoint.ASKED), "a process has died")

    finish(job_ids)
    assert world.states(job_ids) == {RenderState.SUCCEEDED: 4}


def test_one_death_after_the_other(world: World, finish: Finish) -> None:
    job_ids = world.enqueue(6)

    for name in itertools.islice(itertools.cycle(["render", "control", "poll", "every"]), 6):
        world.crew.members[name].kill()
        world.pause(1)

    finish(job_ids)
    assert world.states(job_ids) == {RenderState.SUCCEEDED: 6}
