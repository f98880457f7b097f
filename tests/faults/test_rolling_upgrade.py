"""Workers are replaced one after the other while they work, as an upgrade does."""

from __future__ import annotations

import pytest

from reelqueue.states import RenderState
from tests.faults.conftest import Finish
from tests.faults.world import World


@pytest.mark.parametrize(
    ("operation", "state"), [("submit", RenderState.SUBMITTING), ("result", RenderState.ARCHIVING)]
)
def test_a_worker_that_is_told_to_stop_ends_what_it_has_in_hand(
    operation: str, state: RenderState, world: World, finish: Finish
) -> None:
    # Slow enough to be met in the middle, quicker than any time limit.
    world.script(operation=operation, phase="after", kind="delay", seconds=0.5, count=4)
    job_ids = world.enqueue(6)
    world.wait_for(lambda: world.states(job_ids)[state] > 0, f"one is {state}")

    for name in ("render", "every"):
        world.crew.members[name].ask_to_stop()

    finish(job_ids)
    assert world.states(job_ids) == {RenderState.SUCCEEDED: 6}
    # No half submit: none was sent twice, or found out to be missing.
    assert world.attempts(job_ids).total() == world.attempts(job_ids)["bound"] + world.attempts(job_ids)["adopted"] == 6


def test_every_worker_is_replaced_in_turn(world: World, finish: Finish) -> None:
    job_ids = world.enqueue(12)
    world.wait_for(lambda: world.states(job_ids)[RenderState.RENDERING] > 0, "the first is rendering")

    for name, member in world.crew.members.items():
        starts = world.crew.restarts.count(name)
        member.ask_to_stop()
        world.wait_for(lambda name=name, starts=starts: world.crew.restarts.count(name) > starts, f"{name} is back")

    finish(job_ids)
    assert world.states(job_ids) == {RenderState.SUCCEEDED: 12}
