"""The commands of docs/runbooks.md for jobs under review, run as they stand there."""

from __future__ import annotations

import shlex
from collections.abc import Callable
from pathlib import Path
from uuid import UUID

import pytest
from sqlalchemy import select

from models import RenderJob
from reelqueue.states import RenderState
from tests.support.commands import Run
from tests.support.doubts import CUT_OFF, row
from tests.support.jobs import PROMPT, Jobs
from tests.support.rows import Rows
from tests.support.scripted_provider import listing, succeeded
from workers.orphans.scan import scan_for_orphans
from workers.quarantine.poison_detection import quarantine_job
from workers.reconciliation.reconcile import reconcile_attempt

RUNBOOK = Path(__file__).parents[3] / "docs/runbooks.md"


def commands(heading: str) -> list[list[str]]:
    """The words of each command below a heading."""
    section = RUNBOOK.read_text(encoding="utf-8").split(f"\n## {heading}\n", 1)[1].split("\n## ", 1)[0]
    block = section.split("```sh\n", 1)[1].split("```", 1)[0]
    return [shlex.split(line)[3:] for line in block.splitlines()]


@pytest.fixture
def own_rows(own_jobs: Jobs) -> Rows:
    """What the test's own database says."""
    return Rows(own_jobs.context.sessions)


def under_review(jobs: Jobs, rows: Rows) -> UUID:
    """A job whose answer was lost, with a noted task that has ended and echoes its prompt."""
    made_ms = int(jobs.clock.now().timestamp() * 1000)
    jobs.provider.on_submit(CUT_OFF)
    job_id = jobs.rendering(seed=1)
    jobs.provider.on_submit(CUT_OFF)
    jobs.rendering(seed=2)  # so that nothing tells whose the task is
    jobs.provider.on_query(succeeded(orig_prompt=PROMPT))
    jobs.provider.on_list(listing(row("task-9", status="SUCCEEDED", gmt_create=made_ms)))
    jobs.clock.advance(7200)
    for (attempt,) in [rows.attempts(one) for one in _jobs(jobs)]:
        reconcile_attempt(jobs.context, attempt.id)
    scan_for_orphans(jobs.context)
    assert rows.state(job_id) is RenderState.NEEDS_REVIEW
    return job_id


def set_aside(jobs: Jobs, rows: Rows) -> UUID:
    """A job that ended its workers."""
    job_id = jobs.rendering()
    with jobs.context.sessions.begin() as session:
        quarantine_job(session, job_id, 3, during="asking the provider", now=jobs.clock.now())
    assert rows.state(job_id) is RenderState.NEEDS_REVIEW
    return job_id


def _jobs(jobs: Jobs) -> list[UUID]:
    with jobs.context.sessions() as session:
        return list(session.scalars(select(RenderJob.id).order_by(RenderJob.id)))


ENDS: dict[str, tuple[Callable[[Jobs, Rows], UUID], RenderState]] = {
    "list": (under_review, RenderState.NEEDS_REVIEW),
    "accept": (under_review, RenderState.ARCHIVING),
    "adopt": (under_review, RenderState.ARCHIVING),
    "resubmit": (under_review, RenderState.QUEUED),
    "write-off": (under_review, RenderState.FAILED),
    "retry": (set_aside, RenderState.RENDERING),
}


def test_the_runbook_has_every_command() -> None:
    assert [words[1] for words in commands("Jobs under review")] == list(ENDS)


@pytest.mark.parametrize("words", commands("Jobs under review"), ids=lambda words: words[1])
def test_each_does_what_the_runbook_says(words: list[str], run: Run, own_jobs: Jobs, own_rows: Rows) -> None:
    prepare, state = ENDS[words[1]]
    job_id = prepare(own_jobs, own_rows)
    places = {"$JOB": str(job_id), "$TASK": "task-9"}
    answer = ["--yes"] if words[1] == "accept" else []

    ended = run(*(places.get(word, word) for word in words), *answer)

    assert ended.exit_code == 0, ended.err
    assert str(job_id) in ended.out
    assert own_rows.state(job_id) is state


def test_a_double_payment_is_explained_as_the_runbook_says(run: Run, own_jobs: Jobs) -> None:
    (words,) = commands("A job that was paid for twice")
    job_id = own_jobs.rendering()

    ended = run(*(word.replace("$JOB", str(job_id)) for word in words))

    assert ended.exit_code == 1
    assert "only what was paid twice is explained" in ended.err
