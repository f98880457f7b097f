"""Poison: a job that ends three workers is set aside and not paid for again; the others go on."""

from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from uuid import UUID

import pytest
from sqlalchemy import Engine, select

from models import ProviderTask, RenderJob
from models.operations.jobs.cancel import request_cancel
from models.operations.scheduling.poll_wakeups import wake_lane
from reelqueue.states import AttemptState, FailureClass, RenderState
from tests.support.blocked import wait_until_blocked
from tests.support.jobs import Jobs
from tests.support.loopback import LoopbackServer, says, serving
from tests.support.rows import Rows
from tests.support.sample_videos import make_clip
from tests.support.scripted_provider import RESULT_URL, Killed, succeeded, task
from workers.archive import archive_result as archive
from workers.archive.archive_result import archive_render_job
from workers.archive.fetch_lease import claim_fetch
from workers.audit.invariants import audit
from workers.dispatch.dispatcher import dispatch
from workers.operator.manual_review import QuarantinedError, adopt, resubmit, write_off
from workers.quarantine.release import NotQuarantinedError, quarantined, retry
from workers.settings import Settings
from workers.submission import submit as submission
from workers.sweep.sweep import sweep

LONG_SECONDS = 600.0
"""Longer than any lease."""
ONE_DAY_MS = 86_400_000
DEATHS = 3


@pytest.fixture
def settings(settings: Settings) -> Settings:
    """The provider is on this machine, so that its results may be."""
    provider = settings.provider.model_copy(update={"video_base_url": "http://127.0.0.1:9"})
    return replace(settings, provider=provider)


@pytest.fixture
def server() -> Iterator[LoopbackServer]:
    """A server of a clip."""
    with serving(says("200 OK", make_clip())) as server:
        yield server


def die_fetching(jobs: Jobs, job_id: UUID, times: int = 1) -> None:
    """End that many workers with a result in hand."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(archive, "inspect_video", die)
        for _ in range(times):
            jobs.clock.advance(LONG_SECONDS)
            with pytest.raises(Killed):
                archive_render_job(jobs.context, job_id)
    jobs.clock.advance(LONG_SECONDS)


def die(*_: object, **_options: object) -> None:
    """End the worker."""
    raise Killed


def die_submitting(jobs: Jobs, job_id: UUID, rows: Rows) -> None:
    """End a worker between the intent and the POST, and sweep up after it."""
    dispatch(jobs.context)
    submission.claim_job(jobs.context, job_id, rows.job(job_id).epoch)
    jobs.clock.advance(LONG_SECONDS)
    sweep(jobs.context)
    jobs.clock.advance(LONG_SECONDS)


def poll_for_long(jobs: Jobs) -> int:
    """Poll and sweep for hours; gives how many workers died of it."""
    deaths = 0
    for _ in range(4 * DEATHS):
        try:
            jobs.poll(after_seconds=LONG_SECONDS)
        except Killed:
            deaths += 1
        jobs.clock.advance(LONG_SECONDS)
        sweep(jobs.context)
    return deaths


def broken(jobs: Jobs) -> list[str]:
    """Invariants that do not hold."""
    with jobs.context.sessions.begin() as session:
        return [finding.check.name for finding in audit(session) if finding.rows]


def test_a_result_that_ends_three_workers_is_set_aside(jobs: Jobs, rows: Rows, server: LoopbackServer) -> None:
    job_id = jobs.archiving(url=server.url)
    die_fetching(jobs, job_id, DEATHS)

    archive_render_job(jobs.context, job_id)

    job = rows.job(job_id)
    assert (job.state, job.failure_class, job.failure_code) == (
        RenderState.NEEDS_REVIEW,
        FailureClass.POISON,
        "Quarantined",
    )
    assert f"review retry {job_id}" in str(job.failure_message)
    assert [event.detail["in_a_row"] for event in rows.events(job_id, "worker_died")] == [1, 2, 3]
    assert sweep(jobs.context).fetches == 0
    assert broken(jobs) == []


def test_its_fetch_is_retried_and_nothing_is_rendered_again(jobs: Jobs, rows: Rows, server: LoopbackServer) -> None:
    job_id = jobs.archiving(url=server.url)
    die_fetching(jobs, job_id, DEATHS)
    archive_render_job(jobs.context, job_id)

    with jobs.context.sessions.begin() as session:
        retry(session, job_id, now=jobs.clock.now())
    archive_render_job(jobs.context, job_id)

    assert rows.state(job_id) is RenderState.SUCCEEDED
    assert jobs.provider.count("submit") == 1


def test_a_fetch_that_fails_in_order_is_no_death(jobs: Jobs, rows: Rows, server: LoopbackServer) -> None:
    job_id = jobs.archiving(url=server.url.replace("http:", "nowhere:"))
    die_count = DEATHS - 1
    rows.change(RenderJob, RenderJob.id == job_id, death_count=die_count)

    archive_render_job(jobs.context, job_id)

    assert rows.job(job_id).death_count == 0


def test_two_suspicious_results_are_not_in_hand_at_once(jobs: Jobs, rows: Rows, server: LoopbackServer) -> None:
    one, other = jobs.archiving(url=server.url), jobs.archiving(url=server.url)
    rows.change(ProviderTask, result_expires_at=jobs.clock.at(24 * 3600))  # else the first to expire goes first
    for job_id in (one, other):
        die_fetching(jobs, job_id, DEATHS - 1)
    claim_fetch(jobs.context, one)

    assert claim_fetch(jobs.context, other) is None
    assert rows.job(other).death_count == DEATHS - 2


def test_a_job_that_ends_three_workers_before_its_submit_is_set_aside_unpaid(jobs: Jobs, rows: Rows) -> None:
    job_id = jobs.queued()
    for _ in range(DEATHS):
        die_submitting(jobs, job_id, rows)

    assert rows.state(job_id) is RenderState.NEEDS_REVIEW
    assert {attempt.state for attempt in rows.attempts(job_id)} == {AttemptState.REJECTED}
    assert not rows.has_slot(job_id)
    assert jobs.provider.count("submit") == 0
    assert broken(jobs) == []


def test_it_is_queued_again_by_a_retry(jobs: Jobs, rows: Rows) -> None:
    job_id = jobs.queued()
    for _ in range(DEATHS):
        die_submitting(jobs, job_id, rows)

    with jobs.context.sessions.begin() as session:
        retry(session, job_id, now=jobs.clock.now())

    assert rows.state(job_id) is RenderState.QUEUED
    assert [one.job_id for one in dispatch(jobs.context)] == [job_id]


def test_a_retry_cancels_what_a_user_cancelled_while_it_was_being_submitted(jobs: Jobs, rows: Rows) -> None:
    job_id = jobs.queued()
    for _ in range(DEATHS - 1):
        die_submitting(jobs, job_id, rows)
    dispatch(jobs.context)
    submission.claim_job(jobs.context, job_id, rows.job(job_id).epoch)
    with jobs.context.sessions.begin() as session:
        request_cancel(session, job_id, now=jobs.clock.now())
    jobs.clock.advance(LONG_SECONDS)
    sweep(jobs.context)

    with jobs.context.sessions.begin() as session:
        retry(session, job_id, now=jobs.clock.now())

    assert rows.state(job_id) is RenderState.CANCELLED


def test_a_submit_that_succeeds_sets_the_count_back(jobs: Jobs, rows: Rows) -> None:
    job_id = jobs.queued()
    die_submitting(jobs, job_id, rows)
    dispatch(jobs.context)

    jobs.submit(jobs.hints.submits[-1])

    assert rows.job(job_id).death_count == 0


def test_an_answer_that_ends_three_workers_is_found_out_and_set_aside(jobs: Jobs, rows: Rows) -> None:
    poisonous, *others = (jobs.rendering(poll_timeout_ms=ONE_DAY_MS) for _ in range(3))
    jobs.provider.on_query(Killed(), task_id=rows.tasks(poisonous)[0].provider_task_id)

    deaths = poll_for_long(jobs)

    assert deaths == DEATHS
    assert rows.state(poisonous) is RenderState.NEEDS_REVIEW
    assert rows.has_slot(poisonous)
    assert [rows.job(job_id).death_count for job_id in others] == [0, 0]
    assert broken(jobs) == []


def test_those_who_shared_its_batch_go_on(jobs: Jobs, rows: Rows) -> None:
    poisonous, *others = (jobs.rendering(poll_timeout_ms=ONE_DAY_MS) for _ in range(3))
    jobs.provider.on_query(succeeded())
    jobs.provider.on_query(Killed(), task_id=rows.tasks(poisonous)[0].provider_task_id)

    poll_for_long(jobs)

    assert {rows.state(job_id) for job_id in others} == {RenderState.ARCHIVING}


def test_it_is_followed_again_by_a_retry(jobs: Jobs, rows: Rows) -> None:
    job_id = jobs.rendering(poll_timeout_ms=ONE_DAY_MS)
    jobs.provider.on_query(Killed())
    poll_for_long(jobs)

    with jobs.context.sessions.begin() as session:
        wake = retry(session, job_id, now=jobs.clock.now())
    assert wake is not None
    jobs.hints.wakes.append(wake)
    jobs.poll(succeeded())

    assert rows.state(job_id) is RenderState.ARCHIVING
    assert jobs.provider.count("submit") == 1


def test_a_task_that_shows_a_result_before_its_end_is_followed_again_and_billed(jobs: Jobs, rows: Rows) -> None:
    """Its slot is released, and its bill taken, by the answer that ends it."""
    job_id = jobs.rendering(poll_timeout_ms=ONE_DAY_MS)
    jobs.poll(task("ALMOST", video_url=RESULT_URL))
    jobs.provider.on_query(Killed())
    poll_for_long(jobs)

    with jobs.context.sessions.begin() as session:
        wake = retry(session, job_id, now=jobs.clock.now())
    assert wake is not None
    jobs.hints.wakes.append(wake)
    jobs.poll(succeeded())

    assert rows.state(job_id) is RenderState.ARCHIVING
    assert rows.spent(job_id) > 0
    assert not rows.has_slot(job_id)
    assert broken(jobs) == []


def test_one_that_is_written_off_counts_what_it_may_cost(jobs: Jobs, rows: Rows) -> None:
    job_id = jobs.rendering(poll_timeout_ms=ONE_DAY_MS)
    jobs.provider.on_query(Killed())
    poll_for_long(jobs)

    with jobs.context.sessions.begin() as session:
        write_off(session, job_id, now=jobs.clock.now())

    assert rows.state(job_id) is RenderState.FAILED
    assert not rows.has_slot(job_id)
    assert rows.spent(job_id) > 0
    assert broken(jobs) == []


def test_what_a_person_may_not_do_with_it(jobs: Jobs, rows: Rows, server: LoopbackServer) -> None:
    job_id = jobs.archiving(url=server.url)
    die_fetching(jobs, job_id, DEATHS)
    archive_render_job(jobs.context, job_id)

    with jobs.context.sessions.begin() as session:
        assert [one.job_id for one in quarantined(session)] == [job_id]
        with pytest.raises(QuarantinedError, match="review retry"):
            resubmit(session, job_id, now=jobs.clock.now())
        with pytest.raises(QuarantinedError, match="in quarantine"):
            adopt(session, job_id, "task-of-somebody", now=jobs.clock.now())


def test_a_job_that_was_not_set_aside_cannot_be_retried(jobs: Jobs) -> None:
    job_id = jobs.queued()

    with jobs.context.sessions.begin() as session, pytest.raises(NotQuarantinedError, match="not in quarantine"):
        retry(session, job_id, now=jobs.clock.now())


def test_deaths_are_counted_beside_a_submit_that_has_a_job_and_wants_the_lane(
    own_jobs: Jobs, own_engine: Engine
) -> None:
    job_id = own_jobs.rendering()
    with pytest.raises(Killed):
        own_jobs.poll(Killed(), succeeded())
    own_jobs.clock.advance(LONG_SECONDS)
    sweep(own_jobs.context)

    with ThreadPoolExecutor(1) as pool, own_jobs.context.sessions.begin() as submit:
        submit.execute(select(RenderJob.id).where(RenderJob.id == job_id).with_for_update(key_share=True))
        counting = pool.submit(own_jobs.poll)
        wait_until_blocked(own_engine)
        wake = wake_lane(submit, own_jobs.hints.wakes[-1].account_id, own_jobs.clock.now(), anyway=True)
        submit.commit()
        assert wake is not None

        assert counting.result() is None  # the new message is the valid one
    own_jobs.hints.poll(wake, now=own_jobs.clock.now())
    own_jobs.poll()
    deaths = Rows(own_jobs.context.sessions).events(job_id, "worker_died")
    assert [death.detail["in_a_row"] for death in deaths] == [1]
