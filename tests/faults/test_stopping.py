"""Workers that are told to stop, or that stand still and go on later, with work in hand."""

from __future__ import annotations

import pytest

from reelqueue.states import RenderState
from tests.faults.conftest import Finish
from tests.faults.world import World
from workers.failpoints import Action, Failpoint


def test_workers_are_told_to_stop_with_work_in_hand(world: World, finish: Finish) -> None:
    world.script(operation="submit", phase="after", kind="delay", seconds=1, count=2)
    world.script(operation="result", kind="delay", seconds=1, count=2)
    job_ids = world.enqueue(6)

    for state in (RenderState.SUBMITTING, RenderState.ARCHIVING):
        world.wait_for(lambda state=state: world.states(job_ids)[state] > 0, f"one is {state}")
        for name in ("render", "every"):
            world.crew.members[name].ask_to_stop()

    finish(job_ids)
    assert world.states(job_ids) == {RenderState.SUCCEEDED: 6}


FREEZING = (
    Failpoint.INTENT,
    Failpoint.SENT,
    Failpoint.ACCEPTED,
    Failpoint.ASKED,
    Failpoint.KEPT,
)


@pytest.mark.parametrize("name", FREEZING)
def test_a_worker_stands_still_until_others_have_done_its_work(name: Failpoint, world: World, finish: Finish) -> None:
    world.arm(name, Action.FREEZE)
    job_ids = world.enqueue(4)
    world.wait_for(lambda: world.has_met(name), f"a worker stands still at {name}")
    world.wait_for(lambda: world.is_settled(job_ids), "others have done its work")

    world.crew.thaw()

    finish(job_ids)
    assert world.states(job_ids) == {RenderState.SUCCEEDED: 4}


def test_a_worker_stands_still_in_the_middle_of_a_question(world: World, finish: Finish) -> None:
    world.arm(Failpoint.LISTED, Action.FREEZE)
    world.script(operation="submit", phase="after", kind="drop", count=2)
    job_ids = world.enqueue(4)
    world.wait_for(lambda: world.has_met(Failpoint.LISTED), "a worker stands still")
    world.wait_for(lambda: world.is_settled(job_ids), "others have settled it")

    world.crew.thaw()

    finish(job_ids)
    assert world.has_adopted(job_ids, 2)
