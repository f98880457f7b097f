"""The demo's last line counts what was paid for, not what was hoped for."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

from embedded.demo.result import evaluate
from models.base import new_id
from reelqueue.schemas.jobs import Job
from reelqueue.states import RenderState


@pytest.mark.parametrize(
    ("jobs", "billed", "line", "is_good"),
    [
        # Each succeeded job's one task is billed, once.
        ([("a", "succeeded"), ("b", "succeeded")], ["a", "b"], "2/2 succeeded · billed 2 · duplicates 0", True),
        # A task that no job knows: it was paid for twice.
        ([("a", "succeeded"), ("b", "succeeded")], ["a", "b", "x"], "2/2 succeeded · billed 3 · duplicates 1", False),
        # A billed task whose job failed.
        ([("a", "succeeded"), ("b", "failed")], ["a", "b"], "1/2 succeeded · billed 2 · duplicates 1", False),
        # Failed, and not billed.
        ([("a", "succeeded"), ("b", "failed")], ["a"], "1/2 succeeded · billed 1 · duplicates 0", False),
        # A job that was never enqueued.
        ([("a", "succeeded")], ["a"], "1/2 succeeded · billed 1 · duplicates 0", False),
        # Succeeded without a bill: the ledger and the jobs contradict each other.
        ([("a", "succeeded"), ("b", "succeeded")], ["a"], "2/2 succeeded · billed 1 · duplicates 0", False),
    ],
)
def test_the_line(jobs: list[tuple[str, str]], billed: list[str], line: str, *, is_good: bool) -> None:
    verdict = evaluate([make_job(task_id, state) for task_id, state in jobs], billed, wanted_count=2)

    assert (str(verdict), verdict.is_good) == (line, is_good)


@pytest.mark.parametrize(
    ("adopted_count", "line", "is_good"),
    [
        # Answers were dropped, and every task was found.
        (2, "1/1 succeeded · billed 1 · duplicates 0 · adopted 2", True),
        # Nothing was lost that could have been found: the run proves nothing.
        (0, "1/1 succeeded · billed 1 · duplicates 0 · adopted 0", False),
    ],
)
def test_the_line_of_a_sabotaged_run(adopted_count: int, line: str, *, is_good: bool) -> None:
    verdict = evaluate([make_job("a", "succeeded")], ["a"], wanted_count=1, adopted_count=adopted_count)

    assert (str(verdict), verdict.is_good) == (line, is_good)


def make_job(provider_task_id: str, state: str) -> Job:
    unset = dict.fromkeys(Job.model_fields)
    known = {
        "id": new_id(),
        "state": RenderState(state),
        "is_terminal": True,
        "model": "wan2.6-t2v",
        "mode": "text-to-video",
        "options": {},
        "campaign": "default",
        "priority": 0,
        "warnings": [],
        "provider_task_id": provider_task_id,
        "attempt_count": 1,
        "poll_count": 1,
        "collected_late": False,
        "created_at": datetime(2026, 11, 23, tzinfo=UTC),
    }
    return Job.model_validate({**unset, **known})
