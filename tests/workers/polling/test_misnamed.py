"""A provider that answers a submit with the id of another submit's task: its echo tells, at its end."""

from __future__ import annotations

from decimal import Decimal
from uuid import UUID

import pytest

from models import RenderJob
from models.operations.scheduling.poll_wakeups import wake_for
from reelqueue.states import AttemptState, RenderState
from tests.support.doubts import Doubts, WatchedProvider, row
from tests.support.jobs import PROMPT, Jobs
from tests.support.rows import Rows
from tests.support.scripted_provider import accepted, listing, succeeded, task
from tests.support.virtual_clock import VirtualClock
from workers.audit.invariants import audit
from workers.operator import manual_review as review
from workers.orphans.scan import scan_for_orphans
from workers.polling.misnamed_tasks import BELIEVED_MAX
from workers.runtime.context import Context

OTHER = "a lighthouse in the storm"
HOUR_MS = 3_600_000


@pytest.fixture
def provider(clock: VirtualClock) -> WatchedProvider:
    """DashScope, by script."""
    return WatchedProvider(clock)


@pytest.fixture
def doubts(context: Context, jobs: Jobs, rows: Rows, provider: WatchedProvider) -> Doubts:
    """Jobs in doubt."""
    return Doubts(context, jobs, rows, provider)


@pytest.fixture
def pair(doubts: Doubts, clock: VirtualClock) -> tuple[UUID, UUID]:
    """A job whose answer was lost, and one whose submit was answered with the first one's task.

    Both tasks have ended: ``first`` is the first job's, and ``second`` the other's.
    """
    made_ms = int(clock.now().timestamp() * 1000)
    loser = doubts.ambiguous(prompt=PROMPT)
    doubts.provider.on_submit(accepted("first"))
    misled = doubts.jobs.rendering(prompt=OTHER, poll_timeout_ms=HOUR_MS)
    doubts.lists(first=PROMPT, second=OTHER)
    doubts.provider.on_list(
        listing(
            row("second", status="SUCCEEDED", gmt_create=made_ms + 1000),
            row("first", status="SUCCEEDED", gmt_create=made_ms),
        )
    )
    return loser, misled


def broken(rows: Rows) -> list[str]:
    with rows.sessions.begin() as session:
        return [finding.check.name for finding in audit(session) if finding.rows]


def test_a_job_whose_task_echoes_another_prompt_goes_to_review(pair: tuple[UUID, UUID], jobs: Jobs, rows: Rows) -> None:
    _, misled = pair

    jobs.poll()

    job = rows.job(misled)
    assert (job.state, job.next_archive_at, job.next_poll_at) == (RenderState.NEEDS_REVIEW, None, None)
    assert "task first" in str(job.failure_message)
    assert "another prompt" in str(job.failure_message)
    assert PROMPT not in str(job.failure_message)
    assert (rows.tasks(misled), rows.has_slot(misled), rows.spent(misled)) == ([], True, Decimal(0))
    assert rows.attempts(misled)[0].state is AttemptState.UNRESOLVED
    assert [event.detail for event in rows.events(misled, "misnamed")] == [{"provider_task_id": "first"}]
    assert broken(rows) == []


def test_the_task_goes_to_the_job_that_made_it_and_the_other_task_is_proposed(
    pair: tuple[UUID, UUID], doubts: Doubts, context: Context, jobs: Jobs, rows: Rows
) -> None:
    loser, misled = pair
    jobs.poll()

    assert doubts.ask(loser) == "adopted provider_task=first"
    scan_for_orphans(context)
    with context.sessions() as session:
        (question,) = review.questions(session, context)

    assert (question.job_id, question.proposed_task_id) == (misled, "second")
    with context.sessions.begin() as session:
        now = context.clock.now(session)
        review.adopt(session, misled, "second", now=now)
        review.apply_found(session, misled, "second", context.settings, now=now)
    assert rows.state(misled) is RenderState.ARCHIVING
    assert jobs.provider.count("submit") == 2
    assert broken(rows) == []


def test_the_job_whose_answer_was_lost_is_not_submitted_again_meanwhile(
    pair: tuple[UUID, UUID], doubts: Doubts, rows: Rows
) -> None:
    loser, misled = pair

    said = [doubts.ask(loser, after_seconds=100) for _ in range(5)]

    assert rows.state(misled) is RenderState.RENDERING
    assert rows.state(loser) is RenderState.SUBMITTING
    assert all("second" in one and "another submit's task" in one for one in said), said


def test_a_second_task_of_a_prompt_that_was_delivered_holds_nobody(
    pair: tuple[UUID, UUID], doubts: Doubts, jobs: Jobs, rows: Rows
) -> None:
    loser, misled = pair
    doubts.provider.on_query(succeeded(orig_prompt=OTHER), task_id="first")  # it is the job's own after all
    jobs.poll()
    assert rows.state(misled) is RenderState.ARCHIVING

    doubts.ask_until_absent(loser)

    assert rows.state(loser) is RenderState.QUEUED


@pytest.mark.parametrize(
    "echo",
    [
        None,
        "",
        f"  {OTHER.upper()}!\n",
        OTHER.replace(" ", "\u00a0"),
        f"“{OTHER}…”",
    ],
)
def test_an_echo_in_another_spelling_contradicts_nothing(jobs: Jobs, rows: Rows, echo: str | None) -> None:
    job_id = jobs.rendering(prompt=OTHER)

    jobs.poll(succeeded() if echo is None else succeeded(orig_prompt=echo))

    assert rows.state(job_id) is RenderState.ARCHIVING


def test_an_echo_that_was_cut_contradicts_nothing(jobs: Jobs, rows: Rows) -> None:
    prompt = "a long way, " * 100
    job_id = jobs.rendering(prompt=prompt)

    jobs.poll(succeeded(orig_prompt=prompt[:800]))

    assert rows.state(job_id) is RenderState.ARCHIVING


def test_what_an_operator_has_adopted_is_the_jobs_whatever_it_echoes(
    doubts: Doubts, context: Context, jobs: Jobs, rows: Rows
) -> None:
    job_id = doubts.ambiguous(prompt=OTHER)
    doubts.lists("mine")
    doubts.give_up(job_id)
    with context.sessions.begin() as session:
        wake = wake_for(session, review.adopt(session, job_id, "mine", now=context.clock.now(session)))
    assert wake is not None
    jobs.hints.poll(wake, now=wake.at)
    doubts.provider.on_query(succeeded(orig_prompt="in the provider's own words"), task_id="mine")

    jobs.poll()

    assert rows.state(job_id) is RenderState.ARCHIVING


def test_a_job_that_was_being_cancelled_goes_to_review_as_well(pair: tuple[UUID, UUID], jobs: Jobs, rows: Rows) -> None:
    _, misled = pair
    rows.change(RenderJob, RenderJob.id == misled, state=RenderState.CANCELLING)

    jobs.poll()

    assert rows.state(misled) is RenderState.NEEDS_REVIEW


def test_a_late_result_of_another_prompt_is_not_collected(
    pair: tuple[UUID, UUID], doubts: Doubts, context: Context, jobs: Jobs, rows: Rows
) -> None:
    loser, misled = pair
    doubts.provider.on_query(task("RUNNING"), task_id="first")
    jobs.poll(after_seconds=3601)
    assert rows.state(misled) is RenderState.TIMED_OUT
    doubts.provider.on_query(succeeded(orig_prompt=PROMPT), task_id="first")

    jobs.poll()

    job = rows.job(misled)
    assert (job.state, job.next_archive_at, job.next_poll_at) == (RenderState.TIMED_OUT, None, None)
    # Its own task may have been billed; as an orphan it takes that back.
    assert (rows.has_slot(misled), rows.spent(misled)) == (False, Decimal("0.50"))
    assert broken(rows) == []
    assert "first" in doubts.ask(loser)
    scan_for_orphans(context)
    assert rows.spent(misled) == 0


def test_what_was_settled_before_the_echo_came_stays_and_its_result_is_not_fetched(
    pair: tuple[UUID, UUID], doubts: Doubts, jobs: Jobs, rows: Rows
) -> None:
    _, misled = pair
    doubts.provider.on_query(task("SUCCEEDED", usage={"duration": 5, "SR": 720}), task_id="first")
    jobs.poll()
    assert (rows.state(misled), rows.has_slot(misled)) == (RenderState.RENDERING, False)
    doubts.provider.on_query(succeeded(orig_prompt=PROMPT), task_id="first")

    jobs.poll()

    job = rows.job(misled)
    assert (job.state, job.next_archive_at, rows.spent(misled)) == (RenderState.FAILED, None, Decimal("0.50"))
    assert broken(rows) == []


def test_a_model_that_never_echoes_the_prompt_sends_few_jobs_to_review(doubts: Doubts, jobs: Jobs, rows: Rows) -> None:
    states = []
    for _ in range(BELIEVED_MAX + 2):
        job_id = jobs.rendering(prompt=OTHER)
        jobs.poll(succeeded(orig_prompt="in the provider's own words"))
        states.append(rows.state(job_id))

    assert states == [RenderState.NEEDS_REVIEW] * BELIEVED_MAX + [RenderState.ARCHIVING] * 2
