"""A task that has its result and no usage yet: archived at once, written off, and asked for its usage for an hour."""

from __future__ import annotations

from datetime import timedelta
from decimal import Decimal
from uuid import UUID

import pytest

from models import EntryKind, RenderJob
from reelqueue.states import RenderState
from tests.support.jobs import Jobs
from tests.support.recorded_hints import RecordedHints
from tests.support.rows import Rows
from tests.support.scripted_provider import RESULT_URL, Answer, Killed, refused, succeeded, task
from tests.support.virtual_clock import VirtualClock
from workers.archive.archive_result import archive_render_job
from workers.audit.invariants import audit
from workers.polling.decisions import USAGE_WITHIN
from workers.quarantine.poison_detection import quarantine_job
from workers.sweep.sweep import sweep

RESERVED = Decimal("0.50")
"""Of five seconds of wan2.6-t2v at 720P in Singapore."""
DEATHS = 3
UNMEASURED = task("SUCCEEDED", video_url=RESULT_URL)
MEASURED = task("SUCCEEDED", video_url=RESULT_URL, usage={"duration": 4, "SR": 720})


def findings(rows: Rows) -> list[str]:
    """What the audit finds, warnings too."""
    with rows.sessions() as session:
        return [finding.check.name for finding in audit(session) if finding.rows]


def spent(rows: Rows, job_id: UUID) -> list[tuple[EntryKind, Decimal | None]]:
    """What was entered for a job after its reservation was released."""
    return [(entry.kind, entry.amount) for entry in rows.entries(job_id)[2:]]


def test_a_result_without_usage_is_fetched_at_once_and_written_off(
    jobs: Jobs, rows: Rows, hints: RecordedHints, clock: VirtualClock
) -> None:
    job_id = jobs.rendering()

    jobs.poll(UNMEASURED)

    job = rows.job(job_id)
    assert (job.state, job.next_archive_at, hints.fetches) == (RenderState.ARCHIVING, clock.now(), [job_id])
    assert job.next_poll_at == clock.now() + timedelta(seconds=60)
    assert (rows.has_slot(job_id), spent(rows, job_id)) == (False, [(EntryKind.WRITE_OFF, RESERVED)])
    assert findings(rows) == []


@pytest.mark.parametrize("state", [RenderState.ARCHIVING, RenderState.SUCCEEDED, RenderState.FAILED])
def test_the_usage_that_comes_settles_it(jobs: Jobs, rows: Rows, state: RenderState) -> None:
    job_id = jobs.rendering()
    jobs.poll(UNMEASURED)
    rows.change(RenderJob, RenderJob.id == job_id, state=state)

    jobs.poll(MEASURED)

    (stored,) = rows.tasks(job_id)
    assert (rows.state(job_id), rows.job(job_id).next_poll_at) == (state, None)
    assert (stored.billed_seconds, stored.usage) == (4, {"duration": 4, "SR": 720})
    assert spent(rows, job_id) == [
        (EntryKind.WRITE_OFF, RESERVED),
        (EntryKind.SETTLE, Decimal("0.40")),
        (EntryKind.WRITE_OFF, -RESERVED),
    ]


@pytest.mark.parametrize(
    "said",
    [
        task("SUCCEEDED", video_url="https://results.test/another.mp4"),
        task("SUCCEEDED", video_url="", usage={"duration": 0}),
        task("RUNNING", usage={"duration": 3, "SR": 720}),
        task("FAILED", code="InternalError"),
        task("CANCELED"),
        task("UNKNOWN"),
        task("SUSPENDED", video_url="https://results.test/another.mp4"),
        refused(500, "InternalError"),
    ],
)
def test_a_poll_for_usage_takes_nothing_else(jobs: Jobs, rows: Rows, hints: RecordedHints, said: Answer) -> None:
    job_id = jobs.rendering()
    jobs.poll(UNMEASURED)
    rows.change(RenderJob, RenderJob.id == job_id, death_count=2)
    before, (stored,) = rows.job(job_id), rows.tasks(job_id)

    for _ in range(6):
        jobs.poll(said)
        assert findings(rows) == []

    job, (kept,) = rows.job(job_id), rows.tasks(job_id)
    for name in ("state", "provider_status", "unknown_count", "death_count", "next_archive_at", "fault_count"):
        assert getattr(job, name) == getattr(before, name)
    for name in ("status", "result_url", "result_expires_at", "ended_at", "usage", "billed_seconds"):
        assert getattr(kept, name) == getattr(stored, name)
    assert (hints.fetches, spent(rows, job_id)) == ([job_id], [(EntryKind.WRITE_OFF, RESERVED)])
    assert jobs.provider.count("list") == 0


@pytest.mark.parametrize(
    "said", [UNMEASURED, task("SUCCEEDED", video_url=RESULT_URL, usage={"duration": 0}), task("UNKNOWN")]
)
def test_after_an_hour_it_is_settled_at_its_reservation_with_an_alarm(
    jobs: Jobs, rows: Rows, clock: VirtualClock, said: Answer
) -> None:
    job_id = jobs.rendering()
    jobs.poll(UNMEASURED)
    began_at = clock.now()

    while rows.job(job_id).next_poll_at is not None:
        assert findings(rows) == []
        jobs.poll(said)

    assert timedelta(0) <= USAGE_WITHIN - (clock.now() - began_at) < timedelta(minutes=2)
    assert spent(rows, job_id) == [
        (EntryKind.WRITE_OFF, RESERVED),
        (EntryKind.SETTLE, RESERVED),
        (EntryKind.WRITE_OFF, -RESERVED),
    ]
    (alarm,) = rows.events(job_id, "alarm")
    assert alarm.detail["seen"] == "SUCCEEDED without usage, settled at the 0.50 USD reserved"
    assert findings(rows) == ["bill_is_measured"]
    with rows.sessions() as session:
        assert not [finding for finding in audit(session) if finding.is_broken]


def test_a_late_result_without_usage_is_asked_for_it_as_well(jobs: Jobs, rows: Rows) -> None:
    job_id = jobs.rendering(poll_interval_ms=1000, poll_timeout_ms=1000)
    jobs.poll()
    jobs.poll(UNMEASURED)
    assert (rows.state(job_id), rows.has_slot(job_id), findings(rows)) == (RenderState.TIMED_OUT, False, [])

    jobs.poll(MEASURED)

    assert (rows.job(job_id).next_poll_at, rows.spent(job_id), findings(rows)) == (None, Decimal("0.40"), [])


def test_a_result_that_comes_hours_after_the_word_without_usage_is_settled_with_it(
    jobs: Jobs, rows: Rows, clock: VirtualClock
) -> None:
    job_id = jobs.rendering(poll_interval_ms=5000, poll_timeout_ms=5000)
    jobs.poll(task("SUCCEEDED"))
    clock.advance(2 * 3600)

    jobs.poll(UNMEASURED)

    assert (rows.job(job_id).next_poll_at, rows.spent(job_id)) == (None, RESERVED)
    assert findings(rows) == ["bill_is_measured"]


def die_of_usage(jobs: Jobs, rows: Rows, job_id: UUID) -> None:
    """Let workers end whenever its usage is asked for, after its video is in the archive, until it is asked no more."""
    rows.change(RenderJob, RenderJob.id == job_id, state=RenderState.SUCCEEDED, next_archive_at=None, death_count=2)
    with pytest.raises(Killed):
        jobs.poll(Killed())
    jobs.clock.advance(60)
    sweep(jobs.context)
    jobs.poll(succeeded())


def test_usage_that_ends_workers_is_asked_for_once_more_at_the_end_of_its_hour(
    jobs: Jobs, rows: Rows, clock: VirtualClock
) -> None:
    job_id = jobs.rendering()
    jobs.poll(UNMEASURED)
    until = clock.now() + USAGE_WITHIN

    die_of_usage(jobs, rows, job_id)

    job = rows.job(job_id)
    assert (job.state, job.failure_class, job.next_poll_at) == (RenderState.SUCCEEDED, None, until)
    assert spent(rows, job_id) == [(EntryKind.WRITE_OFF, RESERVED)]
    jobs.poll(MEASURED, after_seconds=3600)
    assert rows.spent(job_id) == Decimal("0.40")


def test_usage_that_ends_workers_after_its_hour_as_well_is_given_up(jobs: Jobs, rows: Rows) -> None:
    job_id = jobs.rendering()
    jobs.poll(UNMEASURED)
    die_of_usage(jobs, rows, job_id)
    jobs.clock.advance(3600)

    rows.change(RenderJob, RenderJob.id == job_id, death_count=2)
    with pytest.raises(Killed):
        jobs.poll(Killed())
    jobs.clock.advance(60)
    sweep(jobs.context)
    jobs.poll(succeeded())

    job = rows.job(job_id)
    assert (job.state, job.failure_class, job.next_poll_at) == (RenderState.SUCCEEDED, None, None)
    assert rows.spent(job_id) == RESERVED
    assert "paid_task_is_settled" not in findings(rows)


def test_a_fetch_that_ends_workers_does_not_end_the_questions_for_usage(jobs: Jobs, rows: Rows) -> None:
    job_id = jobs.rendering()
    jobs.poll(UNMEASURED)
    rows.change(RenderJob, RenderJob.id == job_id, death_count=DEATHS)

    archive_render_job(jobs.context, job_id)

    assert rows.state(job_id) is RenderState.NEEDS_REVIEW
    assert spent(rows, job_id) == [(EntryKind.WRITE_OFF, RESERVED)]
    assert findings(rows) == []
    jobs.poll(MEASURED)
    assert (rows.job(job_id).next_poll_at, rows.spent(job_id)) == (None, Decimal("0.40"))
    assert rows.state(job_id) is RenderState.NEEDS_REVIEW


def test_usage_that_ends_workers_while_its_job_is_under_review_is_given_up_after_its_hour(
    jobs: Jobs, rows: Rows
) -> None:
    job_id = jobs.rendering()
    jobs.poll(UNMEASURED)
    rows.change(RenderJob, RenderJob.id == job_id, death_count=DEATHS)
    archive_render_job(jobs.context, job_id)
    jobs.clock.advance(3600)

    rows.change(RenderJob, RenderJob.id == job_id, death_count=2)
    with pytest.raises(Killed):
        jobs.poll(Killed())
    jobs.clock.advance(60)
    sweep(jobs.context)
    jobs.poll(succeeded())

    assert (rows.state(job_id), rows.job(job_id).next_poll_at) == (RenderState.NEEDS_REVIEW, None)
    assert rows.spent(job_id) == RESERVED


def test_setting_a_watched_job_aside_keeps_the_slot_of_a_task_that_renders(jobs: Jobs, rows: Rows) -> None:
    job_id = jobs.rendering(poll_interval_ms=1000)
    next_poll_at = jobs.clock.now()
    rows.change(RenderJob, RenderJob.id == job_id, state=RenderState.CANCELLED, next_poll_at=next_poll_at)

    with rows.sessions.begin() as session:
        quarantine_job(session, job_id, 3, during="asking the provider", now=jobs.clock.now())

    assert (rows.has_slot(job_id), rows.job(job_id).next_poll_at) == (True, next_poll_at)
