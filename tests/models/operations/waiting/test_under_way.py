"""What a job that was admitted waits for, in words."""

from __future__ import annotations

from datetime import timedelta
from typing import Any
from uuid import uuid4

import pytest

from models import Attempt, ProviderTask, RenderJob, Slot, SubmitLane
from models.operations.waiting.under_way import UnderWay, say_under_way
from reelqueue.states import AttemptState, RenderState
from tests.support.stored_jobs import NOW

SOON = NOW + timedelta(seconds=20)
LATER = NOW + timedelta(hours=2)
LONG_AGO = NOW - timedelta(minutes=10)


def say(state: RenderState, *, is_operator: bool = False, job: dict[str, Any] | None = None, **rows: Any) -> str:
    counts = {"poll_count": 2, "archive_count": 1}
    found = RenderJob(id=uuid4(), model="wan2.6-t2v", state=state, **{**counts, **(job or {})})
    said = say_under_way(UnderWay(job=found, now=NOW, is_operator=is_operator, **rows))
    return f"{said.reason} -> {said.remedy}"


@pytest.mark.parametrize(
    ("state", "rows", "words"),
    [
        (RenderState.ADMITTED, {"slot": Slot(submit_at=SOON)}, "it has a slot, and is submitted in 20 s"),
        (RenderState.ADMITTED, {"lane": SubmitLane(throttled_until=LATER)}, "lane backs off until 2026-11-23 14:00"),
        (RenderState.ADMITTED, {"lane": SubmitLane(posting_until=SOON)}, "another job's submit is under way"),
        (RenderState.SUBMITTING, {"attempt": Attempt(state=AttemptState.SENT)}, "has not answered yet"),
        (
            RenderState.SUBMITTING,
            {"attempt": Attempt(state=AttemptState.AMBIGUOUS, reconcile_at=SOON, listing_count=1)},
            "the provider's list, read 1 times, is read again in 20 s",
        ),
        (
            RenderState.RENDERING,
            {"task": ProviderTask(status="PENDING"), "job": {"next_poll_at": SOON, "submitted_at": LONG_AGO}},
            "in the provider's own queue for 10 min; asked 2 times, next in 20 s",
        ),
        (
            RenderState.RENDERING,
            {"task": ProviderTask(status="RUNNING"), "job": {"next_poll_at": LONG_AGO}},
            "next since 10 min (no poll worker took it)",
        ),
        (
            RenderState.ARCHIVING,
            {"task": ProviderTask(result_expires_at=LATER), "job": {"next_archive_at": NOW}},
            "not archived yet: 1 tries so far, the next now; the result is gone in 2 h",
        ),
        (RenderState.NEEDS_REVIEW, {}, "an operator decides"),
        (RenderState.SUCCEEDED, {"job": {"finished_at": NOW}}, "it has succeeded at 2026-11-23 12:00 UTC"),
        (RenderState.FAILED, {"job": {"failure_message": "too dark", "failure_code": "X"}}, "as failed: too dark (X)"),
    ],
)  # fmt: skip
def test_a_step_says_what_it_waits_for_and_when_it_is_due(state: RenderState, rows: dict[str, Any], words: str) -> None:
    assert words in say(state, **rows)


def test_what_the_archive_said_is_for_operators_alone() -> None:
    rows: dict[str, Any] = {"refusal": "disk full", "job": {"next_archive_at": SOON}}

    assert "disk full" in say(RenderState.ARCHIVING, is_operator=True, **rows)
    assert "disk full" not in say(RenderState.ARCHIVING, **rows)
    assert "tell an operator" in say(RenderState.ARCHIVING, **rows)


@pytest.mark.parametrize("state", list(RenderState))
def test_a_job_in_any_state_is_explained_from_its_row_alone(state: RenderState) -> None:
    assert say(state)
