"""Cancelling a job at the provider: asked to stop only while it may be waiting, and never lied about."""

from __future__ import annotations

from uuid import UUID

import httpx
import pytest

from models.operations.jobs.cancel import request_cancel
from reelqueue.states import RenderState
from tests.support.jobs import Jobs
from tests.support.recorded_hints import RecordedHints
from tests.support.rows import Rows
from tests.support.scripted_provider import ScriptedProvider, accepted, refused, succeeded, task
from workers.dispatch.dispatcher import dispatch

TOO_LATE = refused(400, "UnsupportedOperation", "Failed to cancel the task, it is not PENDING")


def cancel(jobs: Jobs, job_id: UUID, *, abandon_running: bool = False) -> None:
    with jobs.context.sessions.begin() as session:
        assert request_cancel(session, job_id, now=jobs.clock.now(), abandon_running=abandon_running)


def test_a_waiting_task_is_stopped(jobs: Jobs, rows: Rows, provider: ScriptedProvider) -> None:
    job_id = jobs.rendering()
    cancel(jobs, job_id)

    jobs.poll(task("CANCELED"))

    assert rows.path(job_id)[-2:] == ["cancelling", "cancelled"]
    assert provider.count("cancel") == 1
    assert not rows.has_slot(job_id)


def test_the_provider_is_asked_to_stop_before_it_is_asked_how_it_is(jobs: Jobs, provider: ScriptedProvider) -> None:
    job_id = jobs.rendering()
    cancel(jobs, job_id)

    jobs.poll(task("CANCELED"))

    assert [request.method for request in provider.requests[-2:]] == ["POST", "GET"]


def test_a_running_task_is_not_asked_to_stop(jobs: Jobs, rows: Rows, provider: ScriptedProvider) -> None:
    job_id = jobs.rendering()
    jobs.poll(task("RUNNING"))
    cancel(jobs, job_id)

    jobs.poll(task("RUNNING"))

    assert provider.count("cancel") == 0
    assert rows.state(job_id) is RenderState.CANCELLING


def test_a_task_that_began_meanwhile_is_collected(jobs: Jobs, rows: Rows, provider: ScriptedProvider) -> None:
    job_id = jobs.rendering()
    cancel(jobs, job_id)
    provider.on_cancel(TOO_LATE)

    jobs.poll(task("RUNNING"))
    jobs.poll(succeeded())

    assert rows.path(job_id)[-2:] == ["cancelling", "archiving"]


def test_a_task_that_began_meanwhile_may_be_abandoned(jobs: Jobs, rows: Rows, provider: ScriptedProvider) -> None:
    job_id = jobs.rendering()
    cancel(jobs, job_id, abandon_running=True)
    provider.on_cancel(TOO_LATE)

    jobs.poll(task("RUNNING"))

    assert rows.state(job_id) is RenderState.CANCELLED
    assert "bills it" in (rows.job(job_id).failure_message or "")


def test_a_success_that_wins_the_race_is_kept(jobs: Jobs, rows: Rows, provider: ScriptedProvider) -> None:
    job_id = jobs.rendering()
    cancel(jobs, job_id, abandon_running=True)
    provider.on_cancel(TOO_LATE)

    jobs.poll(succeeded())

    assert rows.state(job_id) is RenderState.ARCHIVING


def test_a_cancel_that_cannot_be_sent_is_sent_again(jobs: Jobs, rows: Rows, provider: ScriptedProvider) -> None:
    job_id = jobs.rendering()
    cancel(jobs, job_id)
    provider.on_cancel(httpx.ReadError("cut"), refused(500, "InternalError"))

    jobs.poll(task("PENDING"))
    jobs.poll(task("PENDING"))
    jobs.poll(task("CANCELED"))

    assert provider.count("cancel") == 3
    assert rows.state(job_id) is RenderState.CANCELLED


def test_a_cancelling_job_still_has_its_deadline(jobs: Jobs, rows: Rows) -> None:
    job_id = jobs.rendering(poll_interval_ms=1000, poll_timeout_ms=2000)
    jobs.poll(task("RUNNING"))
    cancel(jobs, job_id)

    jobs.poll(task("RUNNING"))

    assert rows.path(job_id)[-2:] == ["cancelling", "timed_out"]


def test_at_the_deadline_a_waiting_task_may_be_cancelled(jobs: Jobs, rows: Rows, provider: ScriptedProvider) -> None:
    job_id = jobs.rendering(poll_interval_ms=1000, poll_timeout_ms=1000, on_timeout="cancel")

    jobs.poll(task("CANCELED"))

    assert provider.count("cancel") == 1
    assert rows.state(job_id) is RenderState.TIMED_OUT
    assert "nothing is billed" in (rows.job(job_id).failure_message or "")


@pytest.mark.parametrize("abandon_running", [False, True])
def test_a_cancel_in_a_workers_hands_is_granted_when_the_task_is_bound(
    jobs: Jobs, rows: Rows, provider: ScriptedProvider, *, abandon_running: bool
) -> None:
    hint = jobs.admitted()

    def meanwhile() -> object:
        cancel(jobs, hint.job_id, abandon_running=abandon_running)
        return accepted("task-9")

    provider.on_submit(meanwhile)
    jobs.submit(hint)

    job = rows.job(hint.job_id)
    assert (job.state, job.abandon_running) == (RenderState.CANCELLING, abandon_running)
    assert job.next_poll_at == jobs.clock.now() == jobs.hints.wakes[-1].at


def test_a_refused_job_with_a_wish_to_cancel_does_not_wait_again(
    jobs: Jobs, rows: Rows, provider: ScriptedProvider
) -> None:
    hint = jobs.admitted()

    def meanwhile() -> object:
        cancel(jobs, hint.job_id)
        return refused(429, "Throttling.RateQuota")

    provider.on_submit(meanwhile)
    jobs.submit(hint)

    assert rows.path(hint.job_id)[-2:] == ["queued", "cancelled"]
    assert not rows.has_slot(hint.job_id)


def test_a_job_that_was_cancelled_before_its_submit_is_never_sent(
    jobs: Jobs, rows: Rows, provider: ScriptedProvider
) -> None:
    hint = jobs.admitted()
    cancel(jobs, hint.job_id)

    jobs.submit(hint)

    assert provider.count("submit") == 0
    assert rows.state(hint.job_id) is RenderState.CANCELLED


def test_a_dispatch_moves_the_poll_forward_that_a_cancel_wants(jobs: Jobs, hints: RecordedHints) -> None:
    job_id = jobs.rendering(poll_interval_ms=600_000, poll_timeout_ms=3_600_000)
    planned = hints.wakes[-1]
    cancel(jobs, job_id)

    dispatch(jobs.context)

    assert hints.wakes[-1].at == jobs.clock.now()
    assert hints.wakes[-1].seq > planned.seq


def test_a_dispatch_leaves_a_poll_alone_that_comes_in_time(jobs: Jobs, hints: RecordedHints) -> None:
    jobs.rendering(poll_interval_ms=5_000)
    planned = list(hints.wakes)

    dispatch(jobs.context)

    assert hints.wakes == planned
