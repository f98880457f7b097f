"""kill -9 of a worker between any two steps: every clip is rendered, paid for and stored once."""

from __future__ import annotations

import pytest

from reelqueue.states import RenderState
from tests.faults.conftest import Finish
from tests.faults.world import World
from workers.failpoints import Failpoint

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
"""What every job passes on its way."""


@pytest.mark.parametrize("name", STRAIGHT_ON)
def test_a_worker_dies_on_the_way(name: Failpoint, world: World, finish: Finish) -> None:
    world.arm(name)

    job_ids = world.enqueue(5)
    world.wait_for(lambda: world.has_met(name), f"a worker has died at {name}")

    finish(job_ids)
    assert world.states(job_ids) == {RenderState.SUCCEEDED: 5}
