"""One case that fails takes no other with it: its world is made anew."""

from __future__ import annotations

import pytest

from embedded.chaos.harness import Harness
from reelqueue.states import RenderState
from workers.failpoints import Action, Failpoint

pytestmark = pytest.mark.xdist_group("faults")


def test_a_world_in_ruins_is_made_anew(world: Harness) -> None:
    world.arm(Failpoint.SENT, Action.FREEZE)
    world.script(operation="*", kind="hang", count=None)
    world.enqueue(2)
    for service in (world.site.postgres, world.site.valkey, world.site.simulator):
        getattr(service, "child", service).kill()

    world.renew()

    job_ids = world.enqueue(1)
    assert world.finish(job_ids).is_good
    assert world.states(job_ids) == {RenderState.SUCCEEDED: 1}
    assert len(world.books.orders) == 1
