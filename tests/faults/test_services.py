"""Broker and database go away and come back, with and without what they knew."""

from __future__ import annotations

import shutil

import pytest

from reelqueue.states import RenderState
from tests.faults.conftest import Finish
from tests.faults.world import World


def test_the_broker_forgets_everything(world: World, finish: Finish) -> None:
    job_ids = world.enqueue(6)
    for state in (RenderState.RENDERING, RenderState.SUCCEEDED):
        world.wait_for(lambda state=state: world.states(job_ids)[state] > 0, f"the first is {state}")
        world.valkey.flush()

    finish(job_ids)
    assert world.states(job_ids) == {RenderState.SUCCEEDED: 6}


@pytest.mark.parametrize("remembers", [True, False], ids=["with its file", "without its file"])
def test_the_broker_dies_and_comes_back(world: World, finish: Finish, *, remembers: bool) -> None:
    job_ids = world.enqueue(6)
    world.wait_for(lambda: world.states(job_ids)[RenderState.RENDERING] > 0, "something renders")

    world.valkey.child.kill()
    if not remembers:
        shutil.rmtree(world.valkey.folder / "appendonlydir")
    world.pause(1.5)
    world.valkey.start()

    finish(job_ids)
    assert world.states(job_ids) == {RenderState.SUCCEEDED: 6}


@pytest.mark.parametrize("how", ["stop", "kill"])
def test_the_database_restarts(how: str, world: World, finish: Finish) -> None:
    world.script(operation="submit", phase="after", kind="delay", seconds=1, count=3)
    job_ids = world.enqueue(6)
    world.wait_for(lambda: bool(world.tasks()), "the provider has something")

    world.postgres.stop() if how == "stop" else world.postgres.child.kill()
    world.pause(0.5)
    world.postgres.start()

    finish(job_ids)
    assert world.states(job_ids) == {RenderState.SUCCEEDED: 6}


def test_every_connection_to_the_database_is_cut(world: World, finish: Finish) -> None:
    job_ids = world.enqueue(6)

    for _ in range(6):
        world.cut_connections()
        world.pause(0.4)

    finish(job_ids)
    assert world.states(job_ids) == {RenderState.SUCCEEDED: 6}
