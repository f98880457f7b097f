"""A provider that creates the task and then says something else, or creates none and says nothing."""

from __future__ import annotations

from typing import Any

import pytest

from reelqueue.states import RenderState
from tests.faults.conftest import Finish
from tests.faults.world import World

# The answer to a submit that has created the task.
LOST: dict[str, dict[str, Any]] = {
    "drops the connection": {"kind": "drop"},
    "500": {"kind": "error", "status": 500},
    "502 as a web page": {"kind": "gateway-page", "status": 502},
    "504": {"kind": "error", "status": 504},
    "a delay past the time limit": {"kind": "delay", "seconds": 4},
}
GARBLED: list[dict[str, Any]] = [
    {"kind": "drop"},
    {"kind": "hang"},
    {"kind": "html"},
    {"kind": "empty"},
    {"kind": "no-task-id"},
    {"kind": "cut"},
]
# The answer to a submit that has created nothing.
NOTHING: dict[str, dict[str, Any]] = {
    "drops the connection": {"kind": "drop"},
    "500": {"kind": "error", "status": 500},
}


@pytest.mark.parametrize("name", LOST)
def test_the_answer_is_lost_and_the_task_is_not(name: str, world: World, finish: Finish) -> None:
    world.script(operation="submit", phase="after", count=2, **LOST[name])

    job_ids = world.enqueue(4)

    finish(job_ids)
    assert world.states(job_ids) == {RenderState.SUCCEEDED: 4}
    assert world.has_adopted(job_ids, 2)


@pytest.mark.parametrize("name", NOTHING)
def test_what_was_not_created_is_submitted_again(name: str, world: World, finish: Finish) -> None:
    world.script(operation="submit", phase="before", count=2, **NOTHING[name])

    job_ids = world.enqueue(4)

    finish(job_ids)
    assert world.states(job_ids) == {RenderState.SUCCEEDED: 4}
    assert world.attempts(job_ids)["not_created"] >= 2


def test_every_answer_is_lost_at_once(world: World, finish: Finish) -> None:
    for fault in GARBLED:
        world.script(operation="submit", phase="after", count=1, **fault)

    job_ids = world.enqueue(6)

    finish(job_ids)
    assert world.states(job_ids) == {RenderState.SUCCEEDED: 6}
    assert world.has_adopted(job_ids, 6)


def test_a_storm_of_429_costs_time_only(world: World, finish: Finish) -> None:
    world.script(operation="submit", kind="error", status=429, count=None, for_seconds=2)

    job_ids = world.enqueue(4)

    finish(job_ids)
    assert world.states(job_ids) == {RenderState.SUCCEEDED: 4}


def test_a_storm_of_5xx_on_queries_costs_time_only(world: World, finish: Finish) -> None:
    world.script(operation="query", kind="gateway-page", status=503, count=None, for_seconds=2)

    job_ids = world.enqueue(4)

    finish(job_ids)
    assert world.states(job_ids) == {RenderState.SUCCEEDED: 4}


def test_two_submits_get_the_same_task_id(world: World, finish: Finish) -> None:
    world.script(operation="submit", kind="duplicate-task-id", skip=1, count=1)

    job_ids = world.enqueue(4)

    finish(job_ids)
    assert world.states(job_ids) == {RenderState.SUCCEEDED: 4}


LISTINGS: dict[str, list[dict[str, Any]]] = {
    "cannot be read": [
        {"kind": "error", "status": 403, "code": "AccessDenied", "count": 2},
        {"kind": "html", "count": 2},
    ],
    "misses rows": [{"kind": "no-rows", "count": 1}, {"kind": "missing-row", "skip": 2, "count": 1}],
    "shifts": [{"kind": "shifted-rows", "count": 2}, {"kind": "repeated-rows", "count": 2}],
}


@pytest.mark.parametrize("name", LISTINGS)
def test_a_listing_that_is_no_help_at_first(name: str, world: World, finish: Finish) -> None:
    world.script(operation="submit", phase="after", kind="drop", count=2)
    for fault in LISTINGS[name]:
        world.script(operation="list", **fault)

    job_ids = world.enqueue(4)

    finish(job_ids)
    assert world.has_adopted(job_ids, 2)


def test_a_listing_that_lags(world: World, finish: Finish) -> None:
    # By more than the time between its first question and the second: 3 s here, 90 s in real life.
    with world.configured(listing={"lag_seconds": 450.0}):
        world.script(operation="submit", phase="after", kind="drop", count=2)

        job_ids = world.enqueue(4)

        finish(job_ids)
    assert world.has_adopted(job_ids, 2)


def test_a_listing_with_tasks_of_another_program(world: World, finish: Finish) -> None:
    with world.configured(listing={"foreign_rows": 3}):
        world.script(operation="submit", phase="after", kind="drop", count=2)

        job_ids = world.enqueue(4)

        finish(job_ids)
    assert world.has_adopted(job_ids, 2)
