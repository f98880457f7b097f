"""Messages that are doubled, reordered, stale or made up: none has a second effect."""

from __future__ import annotations

import itertools
from typing import Final
from uuid import UUID

from embedded.chaos.cases.case import Case, has_adopted
from embedded.chaos.harness import Harness
from embedded.chaos.reconcile_bill import EITHER
from reelqueue import messages
from reelqueue.states import RenderState

_FAMILY: Final = "messages"


def _any_order(world: Harness) -> list[UUID]:
    job_ids = world.enqueue(5)
    world.wait_for(lambda: world.states(job_ids)[RenderState.QUEUED] < 5, "the first is admitted")
    _send_everything(world, job_ids, times=4)
    world.wait_for(lambda: world.states(job_ids)[RenderState.SUCCEEDED] > 0, "the first has succeeded")
    _send_everything(world, job_ids, times=2)
    return job_ids


def _after_the_end(world: Harness) -> list[UUID]:
    job_ids = world.enqueue(3)
    world.wait_for(lambda: world.are_all(job_ids, RenderState.SUCCEEDED), "all have succeeded")
    _send_everything(world, job_ids, times=2)
    return job_ids


def _questions(world: Harness) -> list[UUID]:
    world.script(operation="submit", phase="after", kind="drop", count=3)
    job_ids = world.enqueue(3)
    world.wait_for(lambda: world.attempts(job_ids).total() >= 3, "the answers are lost")
    for attempt_id in world.attempt_ids(job_ids) * 20:
        world.send(messages.RENDER_RECONCILE, str(attempt_id))
    world.injected["fault"] += 1
    return job_ids


def _same_order(world: Harness) -> list[UUID]:
    world.injected["fault"] += 1
    return world.enqueue(3, times=20)


def _cancel_races_success(world: Harness) -> list[UUID]:
    job_ids = world.enqueue(6, ends_in=EITHER)
    for state in (RenderState.RENDERING, RenderState.ARCHIVING):
        world.wait_for(lambda state=state: world.states(job_ids)[state] > 0, f"one is {state}")  # type: ignore[misc]
        world.cancel(job_ids)
        world.injected["fault"] += 1
        if world.are_all(job_ids, RenderState.SUCCEEDED, RenderState.CANCELLED):
            break
    return job_ids


def _cancelled_while_queued(world: Harness) -> list[UUID]:
    job_ids = world.enqueue(12, ends_in=EITHER)
    world.cancel(job_ids)
    world.injected["fault"] += 1
    return job_ids


def _send_everything(world: Harness, job_ids: list[UUID], *, times: int) -> None:
    """Every message that there could be, also from other epochs and turns."""
    lane = world.lane()
    made_up = [
        *((messages.RENDER_SUBMIT, str(job_id), epoch) for job_id in job_ids for epoch in range(4)),
        *((messages.RENDER_ARCHIVE, str(job_id)) for job_id in job_ids),
        *((messages.RENDER_POLL, str(lane.account_id), lane.seq + late) for late in range(-15, 5)),
        (messages.CONTROL_DISPATCH,),
        (messages.CONTROL_SWEEP,),
    ]
    several = list(itertools.chain.from_iterable(itertools.repeat(made_up, times)))
    world.random.shuffle(several)
    for task, *args in several:
        world.send(str(task), *args)
    world.injected["fault"] += 1


MESSAGES: Final = (
    Case(_FAMILY, "every message several times, late and in any order", _any_order, in_ci=True),
    Case(_FAMILY, "every message again after the end", _after_the_end),
    Case(_FAMILY, "twenty questions about each lost answer", _questions, has_adopted(3)),
    Case(_FAMILY, "the same order twenty times", _same_order),
    Case(_FAMILY, "cancel races success", _cancel_races_success),
    Case(_FAMILY, "cancel races submission", _cancelled_while_queued),
)
"""Each lets messages come that should do nothing, or people act at the wrong moment."""
