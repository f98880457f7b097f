"""Polling, one batch at a time: when the provider is asked, and what the batch leaves behind."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

import httpx
import pytest

from models import Account, PollLane
from models.operations.jobs.cancel import request_cancel
from reelqueue.states import RenderState
from tests.support.jobs import Jobs
from tests.support.recorded_hints import RecordedHints
from tests.support.rows import Rows
from tests.support.scripted_provider import Answer, Killed, ScriptedProvider, accepted, succeeded, task
from tests.support.virtual_clock import VirtualClock
from workers.polling.poll_batch import Report, poll_account


def test_an_interval_of_1_s_and_a_timeout_of_3_s_are_honoured(jobs: Jobs, rows: Rows, clock: VirtualClock) -> None:
    job_id = jobs.rendering(poll_interval_ms=1000, poll_timeout_ms=3000)

    asked_at = []
    while rows.state(job_id) is RenderState.RENDERING:
        jobs.poll()
        asked_at.append((clock.now() - clock.at(0)).total_seconds())

    assert asked_at == [1, 2, 3]
    assert rows.state(job_id) is RenderState.TIMED_OUT


def test_an_interval_longer_than_the_timeout_polls_once(jobs: Jobs, rows: Rows, clock: VirtualClock) -> None:
    job_id = jobs.rendering(poll_interval_ms=10_000, poll_timeout_ms=3000)

    jobs.poll()

    assert clock.now() == clock.at(3)
    assert (rows.state(job_id), rows.job(job_id).poll_count) == (RenderState.TIMED_OUT, 1)


def test_a_batch_says_what_it_did(jobs: Jobs) -> None:
    jobs.rendering()
    jobs.rendering()

    report = jobs.poll()

    assert str(report) == "account=default due=2 finished=0 next=5.0s"


def test_a_batch_sends_itself_a_new_message(jobs: Jobs, hints: RecordedHints, clock: VirtualClock) -> None:
    jobs.rendering()
    first = hints.wakes[-1]

    jobs.poll()

    assert (hints.wakes[-1].seq, hints.wakes[-1].at) == (first.seq + 1, clock.at(10))


@pytest.mark.parametrize("age", ["doubled", "replaced", "late"])
def test_any_other_message_does_nothing(jobs: Jobs, hints: RecordedHints, provider: ScriptedProvider, age: str) -> None:
    jobs.rendering()
    jobs.poll()
    valid = hints.wakes[-1]
    seq = {"doubled": valid.seq - 1, "replaced": valid.seq - 2, "late": 0}[age]

    assert poll_account(jobs.context, valid.account_id, seq) is None
    assert provider.count("query") == 1


def test_while_one_batch_runs_there_is_no_other(jobs: Jobs, hints: RecordedHints, provider: ScriptedProvider) -> None:
    jobs.rendering()
    wake = hints.wakes[-1]
    seen = []

    def meanwhile() -> Answer:
        seen.append(poll_account(jobs.context, wake.account_id, wake.seq))
        return task("RUNNING")

    jobs.poll(meanwhile)

    assert seen == [None]
    assert provider.count("query") == 1


def test_a_message_that_comes_early_hops_on(jobs: Jobs, hints: RecordedHints, clock: VirtualClock) -> None:
    jobs.rendering(poll_interval_ms=60_000)
    clock.advance(30)  # no countdown is longer
    wake = hints.wakes[-1]

    report = poll_account(jobs.context, wake.account_id, wake.seq)

    assert report == Report("default", due=0, finished=0, next_seconds=30)
    assert hints.wakes[-1].at == clock.at(60)


def test_a_batch_is_bounded_and_the_rest_follows_at_the_accounts_pace(
    jobs: Jobs, hints: RecordedHints, rows: Rows, clock: VirtualClock
) -> None:
    first, second = jobs.rendering(), jobs.rendering()
    small = jobs.context.settings.poll.model_copy(update={"batch_size": 1})
    jobs.context = replace(jobs.context, settings=replace(jobs.context.settings, poll=small))

    jobs.poll()

    assert (rows.job(first).poll_count, rows.job(second).poll_count) == (1, 0)
    assert hints.wakes[-1].at == clock.now() + timedelta(seconds=1 / 20)


def test_a_failed_question_changes_nothing_but_the_next_one(jobs: Jobs, rows: Rows, clock: VirtualClock) -> None:
    job_id = jobs.rendering()

    jobs.poll(httpx.ReadTimeout("silence"))

    job = rows.job(job_id)
    assert (job.state, job.provider_status, job.next_poll_at) == (RenderState.RENDERING, "PENDING", clock.at(10))


def test_one_failed_question_does_not_hurt_the_others(jobs: Jobs, rows: Rows, provider: ScriptedProvider) -> None:
    provider.on_submit(accepted("broken"), accepted("good"))
    broken, good = jobs.rendering(), jobs.rendering()
    provider.on_query(httpx.ReadError("reset"), task_id="broken")

    jobs.poll(succeeded())

    assert (rows.state(broken), rows.state(good)) == (RenderState.RENDERING, RenderState.ARCHIVING)


def test_a_batch_that_died_is_followed_by_the_next(jobs: Jobs, rows: Rows, clock: VirtualClock) -> None:
    job_id = jobs.rendering()
    with pytest.raises(Killed):
        jobs.poll(Killed(), task("RUNNING"))
    lane = rows.lane()

    clock.advance(31)

    assert poll_account(jobs.context, lane.account_id, lane.seq) is not None
    assert rows.job(job_id).poll_count == 1


def test_the_late_answers_of_a_dead_batch_change_nothing(
    jobs: Jobs, rows: Rows, clock: VirtualClock, hints: RecordedHints
) -> None:
    job_id = jobs.rendering()

    def frozen() -> Answer:
        clock.advance(31)  # the lease is over, and another worker goes on
        lane = rows.lane()
        jobs.provider.on_query(task("RUNNING"))
        poll_account(jobs.context, lane.account_id, lane.seq)
        return task("SUSPENDED")

    jobs.poll(frozen)

    assert (rows.job(job_id).provider_status, rows.job(job_id).poll_count) == ("RUNNING", 1)
    assert rows.tasks(job_id)[0].status == "RUNNING"
    assert hints.wakes[-1].seq == rows.lane().seq


def test_a_job_that_was_cancelled_meanwhile_is_asked_about_again(jobs: Jobs, rows: Rows) -> None:
    job_id = jobs.rendering()

    def meanwhile() -> Answer:
        with rows.sessions.begin() as session:
            request_cancel(session, job_id, now=jobs.clock.now())
        return task("FAILED")

    jobs.poll(meanwhile)

    assert rows.state(job_id) is RenderState.CANCELLING
    assert rows.job(job_id).next_poll_at == jobs.clock.now()


def test_polls_go_where_the_submit_went(jobs: Jobs, rows: Rows, provider: ScriptedProvider) -> None:
    jobs.rendering()
    rows.change(Account, Account.name == "default", base_url="https://moved.test")

    jobs.poll()

    assert provider.requests[-1].url.host == "dashscope.test"


def test_without_the_key_polls_fail_and_deadlines_are_kept(jobs: Jobs, rows: Rows, provider: ScriptedProvider) -> None:
    job_id = jobs.rendering(poll_interval_ms=1000, poll_timeout_ms=2000)
    jobs.context.environment.clear()  # type: ignore[attr-defined]

    jobs.poll()
    jobs.poll()

    assert rows.state(job_id) is RenderState.TIMED_OUT
    assert provider.count("query") == 0


def test_jobs_that_are_not_due_are_left_alone(jobs: Jobs, rows: Rows) -> None:
    soon, later = jobs.rendering(poll_interval_ms=1000), jobs.rendering(poll_interval_ms=9000)

    jobs.poll()

    assert (rows.job(soon).poll_count, rows.job(later).poll_count) == (1, 0)


def test_a_lane_without_jobs_falls_asleep(jobs: Jobs, hints: RecordedHints, rows: Rows) -> None:
    jobs.rendering()

    report = jobs.poll(succeeded())

    assert str(report) == "account=default due=1 finished=1 next=none"
    assert rows.lane().wake_at is None
    assert len(hints.wakes) == 1


def test_a_message_from_before_a_restore_of_the_database_does_nothing(jobs: Jobs, rows: Rows) -> None:
    jobs.rendering()
    rows.change(PollLane, PollLane.seq > 0, seq=99)

    assert jobs.poll() is None
