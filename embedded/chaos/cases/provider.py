"""A provider that creates the task and then says something else, or creates none and says nothing."""

from __future__ import annotations

from functools import partial
from typing import Any, Final
from uuid import UUID

from embedded.chaos.cases.case import Case, has_adopted
from embedded.chaos.harness import Harness
from reelqueue.states import RenderState

_FAMILY: Final = "provider"
_JOBS: Final = 4
_LOST: Final = {"operation": "submit", "phase": "after", "kind": "drop", "count": 2}

# The answer to a submit that has created the task.
_ANSWERS: Final[dict[str, dict[str, Any]]] = {
    "accepts, then drops the connection": {"kind": "drop"},
    "500 after creating the task": {"kind": "error", "status": 500},
    "502 as a web page after creating the task": {"kind": "gateway-page", "status": 502},
    "504 after creating the task": {"kind": "error", "status": 504},
    "answers after the time limit": {"kind": "delay", "seconds": 4},
    "never answers a submit": {"kind": "hang"},
    "200 with HTML": {"kind": "html"},
    "200 with truncated JSON": {"kind": "truncated"},
    "200 with JSON too deep to parse": {"kind": "nested"},
    "200 with a gigabyte": {"kind": "huge"},
    "200 without a task id": {"kind": "no-task-id"},
    "an id with ../": {"kind": "task-id"},
    "half an answer, then nothing": {"kind": "cut"},
}
_LISTINGS: Final[dict[str, list[dict[str, Any]]]] = {
    "a listing that is refused": [
        {"kind": "error", "status": 403, "code": "AccessDenied", "count": 2},
        {"kind": "html", "count": 2},
    ],
    "a listing that misses rows": [{"kind": "no-rows", "count": 1}, {"kind": "missing-row", "skip": 2, "count": 1}],
    "a listing that is cut and counts every task": [{"kind": "cut-page", "count": 12}],
    "a listing that shifts its pages": [{"kind": "shifted-rows", "count": 2}, {"kind": "repeated-rows", "count": 2}],
}
_LIST_SHAPES: Final[dict[str, dict[str, Any]]] = {
    "a listing of two rows a page, doubled and in any order": {
        "page_size_max": 2,
        "is_doubled": True,
        "is_shuffled": True,
    },
}
_QUERIES: Final[dict[str, list[dict[str, Any]]]] = {
    "5xx storm on queries": [{"kind": "gateway-page", "status": 503, "count": None, "for_seconds": 2}],
    "queries that are never answered": [{"kind": "hang", "count": 2}],
    "queries answered with garbage": [{"kind": kind} for kind in ("html", "truncated", "nested", "not-utf8", "empty")],
    "a status that goes backwards": [{"kind": "going-back", "count": 4}],
    "UNKNOWN that flaps": [{"kind": "unknown", "count": 2}, {"kind": "unknown", "skip": 4, "count": 2}],
    "UNKNOWN ten times in a row": [{"kind": "unknown", "count": 10 * _JOBS}],
    "an unknown status word": [{"kind": "status-word", "count": 3}],
    "a result in an object": [{"kind": "results-object", "count": None}],
    "a result in a list": [{"kind": "results-list", "count": None}],
    "SUCCEEDED without usage": [{"kind": "no-usage", "count": 8}],
    "SUCCEEDED without a URL": [{"kind": "no-url", "count": 3}],
    "SUCCEEDED without a URL and without usage": [{"kind": "no-result", "count": 3}],
}


def _answers(fault: dict[str, Any], world: Harness) -> list[UUID]:
    world.script(**(_LOST | fault))
    return world.enqueue(_JOBS)


def _every_answer(world: Harness) -> list[UUID]:
    for fault in _ANSWERS.values():
        world.script(**(_LOST | fault | {"count": 1}))
    return world.enqueue(len(_ANSWERS))


def _not_created(world: Harness) -> list[UUID]:
    world.script(operation="submit", phase="before", kind="drop")
    world.script(operation="submit", phase="before", kind="error", status=500)
    return world.enqueue(_JOBS)


def _throttled(world: Harness) -> list[UUID]:
    world.script(operation="submit", kind="error", status=429, count=None, for_seconds=2)
    return world.enqueue(_JOBS)


def _foreign(world: Harness) -> list[UUID]:
    """Pages and redirects of something before the provider: fewer in a row than pause the account."""
    world.script(operation="submit", kind="redirect")
    world.script(operation="submit", kind="gateway-page", status=405)
    return world.enqueue(_JOBS)


def _were_refused(world: Harness, job_ids: list[UUID]) -> bool:
    return world.attempts(job_ids)["rejected"] >= 2


def _moderated(world: Harness) -> list[UUID]:
    marker = "[[fail=InternalError.Algo.DataInspectionFailed]]"
    return world.enqueue(_JOBS, marker=marker, ends_in=frozenset({RenderState.MODERATED}))


def _were_sent_once(world: Harness, job_ids: list[UUID]) -> bool:
    return world.attempts(job_ids)["bound"] == len(job_ids)


def _same_id(world: Harness) -> list[UUID]:
    world.script(operation="submit", kind="duplicate-task-id", skip=1)
    return world.enqueue(_JOBS)


def _equal_pictures(world: Harness) -> list[UUID]:
    """Lost answers of requests that are equal to the last byte, and whose tasks echo nothing."""
    world.script(**_LOST)
    picture = "https://media.test/a.png"
    return world.enqueue(_JOBS, prompt="", model="wan2.6-i2v", image=picture, resolution="720P")


def _two_lengths(world: Harness) -> list[UUID]:
    """Lost answers of one prompt, whose results are of two lengths."""
    world.script(**(_LOST | {"count": _JOBS}))
    prompt = "a lighthouse in the storm, in two lengths"
    short = world.enqueue(_JOBS // 2, prompt=prompt, duration=5)
    return short + world.enqueue(_JOBS // 2, prompt=prompt, duration=10)


def _listing(faults: list[dict[str, Any]], world: Harness) -> list[UUID]:
    world.script(**_LOST)
    for fault in faults:
        world.script(operation="list", **fault)
    return world.enqueue(_JOBS)


def _queries(faults: list[dict[str, Any]], world: Harness) -> list[UUID]:
    for fault in faults:
        world.script(operation="query", **fault)
    return world.enqueue(_JOBS)


def _behaves(behaviour: dict[str, Any], world: Harness) -> list[UUID]:
    """Behave so while answers get lost, until everybody who asked has ended."""
    with world.configured(**behaviour):
        world.script(**_LOST)
        job_ids = world.enqueue(_JOBS)
        world.wait_for(lambda: world.has_ended(job_ids), "all have ended")
    return job_ids


def _wrong_clock(ahead_seconds: float, world: Harness) -> list[UUID]:
    """The provider's clock is set while answers get lost, and set right afterwards."""
    job_ids = _behaves({"clock_ahead_seconds": ahead_seconds}, world)
    # The workers see what it is now by the next list.
    world.script(**_LOST)
    later = world.enqueue(_JOBS)
    world.wait_for(lambda: world.has_ended(later), "all have ended after the clock was set right")
    return job_ids + later


def _was_resubmitted(world: Harness, job_ids: list[UUID]) -> bool:
    return world.attempts(job_ids)["not_created"] >= 2


# By more than the time between its first question and the second: 3 s here, 90 s in real life.
_LAG_SECONDS: Final = 3 * 150.0

PROVIDER: Final = (
    *(Case(_FAMILY, line, partial(_answers, fault), has_adopted(2)) for line, fault in _ANSWERS.items()),
    Case(_FAMILY, "every such answer at once", _every_answer, has_adopted(len(_ANSWERS)), in_ci=True),
    Case(_FAMILY, "what was not created is submitted again", _not_created, _was_resubmitted, in_ci=True),
    Case(_FAMILY, "429 storm", _throttled, in_ci=True),
    Case(_FAMILY, "a proxy's redirect and page", _foreign, _were_refused),
    Case(_FAMILY, "moderation wrapped in another code", _moderated, _were_sent_once),
    Case(_FAMILY, "one task id for two jobs", _same_id),
    Case(_FAMILY, "lost answers of equal pictures without a prompt", _equal_pictures, has_adopted(2), in_ci=True),
    Case(_FAMILY, "lost answers of one prompt in two lengths", _two_lengths, has_adopted(_JOBS)),
    *(Case(_FAMILY, line, partial(_listing, faults), has_adopted(2)) for line, faults in _LISTINGS.items()),
    *(
        Case(_FAMILY, line, partial(_behaves, {"listing": listing}), has_adopted(2))
        for line, listing in _LIST_SHAPES.items()
    ),
    Case(
        _FAMILY,
        "a listing that lags",
        partial(_behaves, {"listing": {"lag_seconds": _LAG_SECONDS}}),
        has_adopted(2),
        in_ci=True,
    ),
    Case(_FAMILY, "a clock that is set ten minutes ahead", partial(_wrong_clock, 600), has_adopted(4), in_ci=True),
    Case(_FAMILY, "a clock that is set ten minutes back", partial(_wrong_clock, -600), has_adopted(4)),
    Case(
        _FAMILY,
        "a listing with another program's tasks",
        partial(_behaves, {"listing": {"foreign_rows": 3}}),
        has_adopted(2),
    ),
    Case(_FAMILY, "over-slot submits rejected", partial(_behaves, {"limits": {"over_slots": "reject", "slots": 2}})),
    *(Case(_FAMILY, line, partial(_queries, faults)) for line, faults in _QUERIES.items()),
)
"""Each lets the provider lie about tasks."""
