"""kill -9 of a worker between any two steps."""

from __future__ import annotations

from functools import partial
from typing import Final
from uuid import UUID

from embedded.chaos.cases.case import Case, has_adopted
from embedded.chaos.harness import Harness
from embedded.chaos.reconcile_bill import CANCELLED
from reelqueue.states import RenderState
from workers.failpoints import Action, Failpoint

_FAMILY: Final = "crash"

# What every job passes on its way, and the catalogue's words for it.
_ON_THE_WAY: Final = {
    Failpoint.TAKEN_IN: "row committed, hint not sent",
    Failpoint.ADMITTED: "after admit",
    Failpoint.CLAIMING: "before the intent's commit",
    Failpoint.INTENT: "after intent, before send",
    Failpoint.SENT: "sent is committed, no byte has left",
    Failpoint.JOURNALED: "noted in the journal, no byte has left",
    Failpoint.ACCEPTED: "response read, before the journal",
    Failpoint.NAMED: "response in the journal, before commit",
    Failpoint.BOUND: "after commit, before the next poll is scheduled",
    Failpoint.POLLING: "lane taken, nothing asked",
    Failpoint.ASKED: "answers of a poll read, before commit",
    Failpoint.POLLED: "answers of a poll committed, hints not sent",
    Failpoint.DOWNLOADING: "mid-download",
    Failpoint.DOWNLOADED: "after download, before rename",
    Failpoint.KEPT: "after rename, before commit",
    Failpoint.ARCHIVED: "after archive, before the message is acknowledged",
}
_LOOKING_FOR_AN_ANSWER: Final = {
    Failpoint.DOUBTED: "the reconciler, before it asks",
    Failpoint.LISTED: "the reconciler, with the listing in its hands",
    Failpoint.RECONCILED: "the reconciler, verdict committed, hints not sent",
}
_IN_CI: Final = {Failpoint.SENT, Failpoint.ACCEPTED, Failpoint.BOUND, Failpoint.KEPT, Failpoint.LISTED}


def _on_the_way(name: Failpoint, world: Harness) -> list[UUID]:
    world.arm(name)
    job_ids = world.enqueue(4)
    world.wait_until_met(name)
    return job_ids


def _looking_for_an_answer(name: Failpoint, world: Harness) -> list[UUID]:
    world.arm(name)
    world.script(operation="submit", phase="after", kind="drop", count=2)
    job_ids = world.enqueue(4)
    world.wait_until_met(name)
    return job_ids


def _after_send(world: Harness) -> list[UUID]:
    world.script(operation="submit", phase="after", kind="delay", seconds=2, count=2)
    before = sum(world.tasks().values())
    job_ids = world.enqueue(4)
    world.wait_for(lambda: sum(world.tasks().values()) > before, "the provider has accepted one")
    for name in ("render", "every"):
        for member in world.members(name):
            world.kill(member)
    return job_ids


def _refused(world: Harness) -> list[UUID]:
    world.arm(Failpoint.REFUSED)
    world.script(operation="submit", kind="error", status=429, count=2)
    job_ids = world.enqueue(4)
    world.wait_until_met(Failpoint.REFUSED)
    return job_ids


def _cancelling(world: Harness) -> list[UUID]:
    job_ids = world.enqueue(
        3, marker="[[queue=20000]]", ends_in=CANCELLED, model="wan2.2-t2v-plus", resolution="1920x1080"
    )
    world.wait_for(lambda: world.are_all(job_ids, RenderState.RENDERING), "they wait at the provider")
    world.arm(Failpoint.CANCELLING)
    world.cancel(job_ids)
    world.wait_until_met(Failpoint.CANCELLING)
    return job_ids


def _healing(world: Harness) -> list[UUID]:
    world.arm(Failpoint.POLLED)  # leaves results without a hint to any worker
    world.arm(Failpoint.SWEPT)
    job_ids = world.enqueue(4)
    world.wait_until_met(Failpoint.POLLED)
    world.wait_until_met(Failpoint.SWEPT)
    return job_ids


def _pool_process(world: Harness) -> list[UUID]:
    world.arm(Failpoint.ASKED, Action.KILL)
    job_ids = world.enqueue(4)
    world.wait_until_met(Failpoint.ASKED)
    return job_ids


CRASHES: Final = (
    *(Case(_FAMILY, line, partial(_on_the_way, name), in_ci=name in _IN_CI) for name, line in _ON_THE_WAY.items()),
    *(
        Case(_FAMILY, line, partial(_looking_for_an_answer, name), has_adopted(2), in_ci=name in _IN_CI)
        for name, line in _LOOKING_FOR_AN_ANSWER.items()
    ),
    Case(_FAMILY, "after send, before the response", _after_send, has_adopted(1)),
    Case(_FAMILY, "with a refusal in its hands", _refused),
    Case(_FAMILY, "during cancel", _cancelling, in_ci=True),
    Case(_FAMILY, "the sweep itself", _healing),
    Case(_FAMILY, "one process of a pool", _pool_process),
)
"""Each ends a worker where the protocol's steps meet."""
