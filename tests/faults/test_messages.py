"""Messages that are doubled, reordered, stale or made up: none has a second effect."""

from __future__ import annotations

import itertools
import random
from uuid import UUID

from reelqueue import messages
from reelqueue.states import RenderState
from tests.faults.conftest import Finish
from tests.faults.world import World


def test_messages_come_often_late_and_in_any_order(world: World, finish: Finish) -> None:
    job_ids = world.enqueue(5)
    world.wait_for(lambda: world.states(job_ids)[RenderState.QUEUED] < 5, "the first is admitted")

    _send_everything(world, job_ids, times=4)
    world.wait_for(lambda: world.states(job_ids)[RenderState.SUCCEEDED] > 0, "the first is finished")
    _send_everything(world, job_ids, times=2)

    finish(job_ids)
    _send_everything(world, job_ids, times=1)
    finish(job_ids)
    assert world.states(job_ids) == {RenderState.SUCCEEDED: 5}
    assert world.attempts(job_ids).total() == 5


def test_questions_about_a_lost_answer_come_often(world: World, finish: Finish) -> None:
    world.script(operation="submit", phase="after", kind="drop", count=3)
    job_ids = world.enqueue(3)
    world.wait_for(lambda: world.attempts(job_ids).total() == 3, "the answers are lost")

    for attempt_id in world.attempt_ids(job_ids) * 20:
        world.send(messages.RENDER_RECONCILE, str(attempt_id))

    finish(job_ids)
    assert world.has_adopted(job_ids, 3)


def test_the_same_order_comes_twenty_times(world: World, finish: Finish) -> None:
    job_ids = world.enqueue(3, times=20)

    finish(job_ids)
    assert world.states(job_ids) == {RenderState.SUCCEEDED: 3}


def _send_everything(world: World, job_ids: list[UUID], *, times: int) -> None:
    lane = world.lane()
    made_up = [
        *((messages.RENDER_SUBMIT, str(job_id), epoch) for job_id in job_ids for epoch in range(4)),
        *((messages.RENDER_ARCHIVE, str(job_id)) for job_id in job_ids),
        *((messages.RENDER_POLL, str(lane.account_id), lane.seq + late) for late in range(-15, 5)),
        (messages.CONTROL_DISPATCH,),
        (messages.CONTROL_SWEEP,),
    ]
    several = list(itertools.chain.from_iterable(itertools.repeat(made_up, times)))
    random.shuffle(several)
    for task, *args in several:
        world.send(str(task), *args)
