"""Workers that are asked to stop, or are frozen and continue later; a host that dies with all its processes."""

from __future__ import annotations

from functools import partial
from typing import Final
from uuid import UUID

from embedded.chaos.cases.case import Case, has_adopted
from embedded.chaos.harness import Harness
from embedded.chaos.worker_processes import WorkerProcesses
from reelqueue.states import RenderState
from workers.failpoints import Action, Failpoint

_FAMILY: Final = "host"
_STANDING_STILL: Final = {
    Failpoint.INTENT: "suspended after intent, until others have done its work",
    Failpoint.SENT: "suspended after sent, until others have done its work",
    Failpoint.ACCEPTED: "suspended with the task id in its hands",
    Failpoint.ASKED: "suspended with the answers of a poll in its hands",
    Failpoint.KEPT: "suspended between rename and commit",
}


def _told_to_stop(operation: str, state: RenderState, world: Harness) -> list[UUID]:
    # Slow enough to be met in the middle, quicker than any time limit.
    world.script(operation=operation, phase="after", kind="delay", seconds=0.5, count=4)
    job_ids = world.enqueue(6)
    world.wait_for(lambda: world.states(job_ids)[state] > 0, f"one is {state}")
    for member in (*world.members("render"), *world.members("every")):
        member.ask_to_stop()
        world.injected["fault"] += 1
    return job_ids


def _sent_each_once(world: Harness, job_ids: list[UUID]) -> bool:
    """No half submit: none was sent twice, or found out to be missing."""
    attempts = world.attempts(job_ids)
    return attempts.total() == attempts["bound"] + attempts["adopted"] == len(job_ids)


def _replaced_in_turn(world: Harness) -> list[UUID]:
    job_ids = world.enqueue(12)
    world.wait_for(lambda: world.states(job_ids)[RenderState.RENDERING] > 0, "one is rendering")
    for crew in world.crews:
        for name, member in crew.members.items():
            starts = crew.restarts.count(name)
            member.ask_to_stop()
            world.injected["fault"] += 1
            world.wait_for(partial(_is_back, crew, name, starts), f"{name} is back")
    return job_ids


def _is_back(crew: WorkerProcesses, name: str, starts: int) -> bool:
    return crew.restarts.count(name) > starts


def _stands_still(name: Failpoint, world: Harness) -> list[UUID]:
    world.arm(name, Action.FREEZE)
    job_ids = world.enqueue(4)
    _outlive(world, name, job_ids)
    return job_ids


def _stands_still_with_a_question(world: Harness) -> list[UUID]:
    world.arm(Failpoint.LISTED, Action.FREEZE)
    world.script(operation="submit", phase="after", kind="drop", count=2)
    job_ids = world.enqueue(4)
    _outlive(world, Failpoint.LISTED, job_ids)
    return job_ids


def _outlive(world: Harness, name: Failpoint, job_ids: list[UUID]) -> None:
    """Let the other workers do the work of the frozen one, then let that one continue."""
    world.wait_until_met(name, is_crash=False)
    world.wait_for(lambda: world.are_all(job_ids, RenderState.SUCCEEDED), "others have done its work")
    for crew in world.crews:
        crew.thaw()


def _dies_whole(world: Harness) -> list[UUID]:
    job_ids = world.enqueue(6)
    world.wait_for(lambda: world.states(job_ids)[RenderState.RENDERING] > 0, "something renders")
    for member in world.crews[-1].members.values():
        world.kill(member)
    return job_ids


HOSTS: Final = (
    Case(
        _FAMILY,
        "SIGTERM in the middle of submits",
        partial(_told_to_stop, "submit", RenderState.SUBMITTING),
        _sent_each_once,
        in_ci=True,
    ),
    Case(_FAMILY, "SIGTERM in the middle of downloads", partial(_told_to_stop, "result", RenderState.ARCHIVING)),
    Case(_FAMILY, "a rolling upgrade: every worker is replaced in turn", _replaced_in_turn, in_ci=True),
    *(
        Case(_FAMILY, line, partial(_stands_still, name), in_ci=name is Failpoint.SENT)
        for name, line in _STANDING_STILL.items()
    ),
    Case(
        _FAMILY, "the reconciler suspended with a listing in its hands", _stands_still_with_a_question, has_adopted(2)
    ),
    Case(_FAMILY, "every worker of a host, and its beat, at once", _dies_whole),
)
"""Each takes workers away, for good or for a while."""
