"""A database's clock that is set back an hour: nothing waits for that hour, and no job is blamed for it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

import httpx
import pytest
from sqlalchemy import DateTime
from sqlalchemy.orm import Session

from models import Attempt, Base, PollLane, RenderJob, Slot, SubmitLane, TextAttempt, Turn
from reelqueue.states import AttemptState, RenderState, TextAttemptState, TextState
from tests.support.jobs import Jobs
from tests.support.rows import Rows
from tests.support.scripted_provider import ScriptedProvider, succeeded, task
from tests.support.stored_texts import store_text, store_text_attempt
from tests.support.virtual_clock import VirtualClock
from workers.dispatch.dispatcher import dispatch
from workers.runtime.context import Context
from workers.runtime.host_clock import HostClock
from workers.runtime.known_clocks import KnownClocks
from workers.submission.submit import Claim, claim_job, mark_sent
from workers.sweep.clock_steps import waits
from workers.sweep.sweep import sweep

HOUR = timedelta(hours=1)

# Moments that are compared with no later one, or that a person has named.
FACTS = {
    "account_clocks.measured_at",
    "accounts.created_at",
    "accounts.limits_read_at",
    "accounts.orphans_seen_at",
    "accounts.paused_at",
    "api_keys.created_at",
    "api_keys.expires_at",
    "api_keys.last_used_at",
    "api_keys.revoked_at",
    "assets.created_at",
    "attempts.closed_at",
    "attempts.created_at",
    "attempts.first_absent_at",
    "found_tasks.asked_at",
    "found_tasks.ended_at",
    "found_tasks.made_at",
    "found_tasks.started_at",
    "attempts.sent_at",
    "campaigns.approved_at",
    "campaigns.breaker_since_at",
    "campaigns.budget_exhausted_at",
    "campaigns.cancelled_at",
    "campaigns.created_at",
    "campaigns.finish_by",
    "campaigns.last_admitted_at",
    "campaigns.paused_at",
    "campaigns.prices_agreed_at",
    "campaigns.repriced_at",
    "campaigns.run_at",
    "campaigns.start_by",
    "clip_decisions.decided_at",
    "clip_imports.committed_at",
    "clip_imports.created_at",
    "job_events.at",
    "ledger_entries.at",
    "model_lists.read_at",
    "model_prices.ends_at",
    "model_prices.from_at",
    "notices.ended_at",
    "notices.occurred_at",
    "notification_channels.created_at",
    "notification_deliveries.asked_at",
    "notification_deliveries.finished_at",
    "provider_tasks.ended_at",
    "provider_tasks.made_at",
    "provider_tasks.started_at",
    "provider_tasks.submitted_at",
    "render_jobs.admitted_at",
    "render_jobs.cancel_requested_at",
    "render_jobs.created_at",
    "render_jobs.finished_at",
    "render_jobs.start_by",
    "render_jobs.submitted_at",
    "render_jobs.superseded_at",
    "slots.leased_at",
    "spending_caps.created_at",
    "spending_caps.exhausted_at",
    "submit_gates.server_started_at",
    "tenants.created_at",
    "tenants.last_admitted_at",
    "text_attempts.closed_at",
    "text_attempts.created_at",
    "text_attempts.sent_at",
    "text_batches.closed_at",
    "text_batches.cancel_sent_at",
    "text_batches.created_at",
    "text_batches.first_absent_at",
    "text_batches.provider_absent_at",
    "text_batches.provider_sent_at",
    "text_batches.sent_at",
    "text_jobs.cancel_requested_at",
    "text_jobs.created_at",
    "text_jobs.finished_at",
    "text_jobs.start_by",
    "text_jobs.started_at",
    "webhook_deliveries.asked_at",
    "webhook_deliveries.finished_at",
    "webhook_deliveries.occurred_at",
    "webhook_endpoints.created_at",
    "webhook_endpoints.deleted_at",
    "webhook_endpoints.disabled_at",
    "webhook_endpoints.open_since",
}
BOUNDED_ELSEWHERE = {
    "accounts.limits_asked_at",  # workers/dispatch/read_limits.py
    "model_lists.asked_at",  # workers/dispatch/read_models.py
    "turns.free_at",  # models/operations/scheduling/provider_rate_limits.py
    "submit_gates.alive_at",  # models/operations/scheduling/submit_gates.py: a later one closes the gate
    "submit_gates.known_until",
    "submit_gates.closed_at",  # workers/recovery/compare.py
    "submit_gates.check_at",  # workers/recovery/gates.py
    "poll_lanes.wake_at",  # dispatch moves it to the first poll that is due
}


def named(column: Any) -> str:  # noqa: ANN401 -- of a table or of a class
    return f"{column.table.name}.{column.name}"


def test_every_stored_moment_is_a_fact_or_has_a_longest_wait(context: Context) -> None:
    columns = (column for table in Base.metadata.tables.values() for column in table.c)
    moments = {named(column) for column in columns if isinstance(column.type, DateTime)}
    bounded = {named(wait.column.property.columns[0]) for wait in waits(context.settings)}

    assert bounded | BOUNDED_ELSEWHERE | FACTS == moments
    assert not (bounded | BOUNDED_ELSEWHERE) & FACTS


class Counting(HostClock):
    """A host whose seconds are the true ones of the test."""

    def __init__(self) -> None:
        self.true_seconds = 0.0

    def seconds(self) -> float:
        """Seconds that have passed."""
        return self.true_seconds


@pytest.fixture
def host() -> Counting:
    """Time as it passes."""
    return Counting()


@pytest.fixture
def context(context: Context, host: Counting) -> Context:
    """A worker that counts seconds by itself, and has swept before."""
    return replace(context, host=host, clocks=KnownClocks())


@pytest.fixture
def set_back(context: Context, clock: VirtualClock) -> Callable[[], None]:
    """Sets the database's clock back an hour, and sweeps."""
    sweep(context)

    def step() -> None:
        clock.advance(-HOUR.total_seconds())
        sweep(context)

    return step


def test_a_task_is_asked_about_again_at_once(
    jobs: Jobs, rows: Rows, set_back: Callable[[], None], clock: VirtualClock
) -> None:
    job_id = jobs.rendering(poll_interval_ms=5000, poll_timeout_ms=60_000)
    jobs.poll(task("RUNNING"))
    deaths_before = rows.job(job_id).death_count

    set_back()

    wake = jobs.hints.wakes[-1]
    assert wake.at <= clock.now()
    assert rows.job(job_id).poll_deadline_at == clock.now() + timedelta(seconds=60)
    jobs.poll(succeeded())
    assert rows.state(job_id) is RenderState.ARCHIVING
    assert rows.job(job_id).death_count == deaths_before == 0
    with rows.sessions() as session:
        (turn,) = session.query(Turn).where(Turn.kind == "query")
    assert turn.free_at <= clock.now() + timedelta(seconds=11)


def test_a_lost_answer_is_looked_up(jobs: Jobs, rows: Rows, set_back: Callable[[], None]) -> None:
    jobs.provider.on_submit(httpx.ReadError("cut"))
    (attempt,) = rows.attempts(jobs.rendering())
    assert attempt.state is AttemptState.AMBIGUOUS

    set_back()

    assert jobs.hints.questions == [attempt.id]


@pytest.mark.parametrize(
    ("table", "column", "left"),
    [
        (PollLane, "lease_until", None),
        (SubmitLane, "next_submit_at", timedelta(0)),
        (SubmitLane, "throttled_until", timedelta(0)),
        (SubmitLane, "posting_until", timedelta(seconds=160)),
        (Slot, "submit_at", timedelta(0)),
        (RenderJob, "next_poll_at", timedelta(0)),
        (RenderJob, "poll_deadline_at", timedelta(seconds=600)),
        (Attempt, "reconcile_at", timedelta(0)),
    ],
)
def test_what_lies_an_hour_ahead_is_brought_back(
    jobs: Jobs,
    rows: Rows,
    set_back: Callable[[], None],
    clock: VirtualClock,
    table: Any,  # noqa: ANN401
    column: str,
    left: timedelta | None,
) -> None:
    jobs.rendering()
    ahead = clock.now() + timedelta(seconds=3)
    rows.change(table, getattr(table, column).is_not(None) | getattr(table, column).is_(None), **{column: ahead})

    set_back()

    with rows.sessions() as session:
        values = [getattr(row, column) for row in session.query(table)]
    assert values == [None if left is None else clock.now() + left]


def test_what_lies_no_further_ahead_than_it_may_is_left_alone(
    jobs: Jobs, rows: Rows, host: Counting, clock: VirtualClock
) -> None:
    job_id = jobs.rendering(poll_interval_ms=3_600_000, poll_timeout_ms=86_400_000)
    before = rows.job(job_id).next_poll_at
    host.true_seconds += 10  # the clock stood still for that long

    assert sweep(jobs.context).bounded == 0
    assert rows.job(job_id).next_poll_at == before == clock.now() + HOUR


def test_a_clock_that_goes_on_costs_no_look(jobs: Jobs, rows: Rows, host: Counting, clock: VirtualClock) -> None:
    jobs.rendering()
    sweep(jobs.context)
    clock.advance(5)
    host.true_seconds += 5
    rows.change(PollLane, PollLane.seq > 0, lease_until=clock.now() + HOUR)

    assert sweep(jobs.context).bounded == 0


def test_a_batch_whose_turn_is_far_gives_its_lane_back(
    jobs: Jobs, rows: Rows, provider: ScriptedProvider, clock: VirtualClock, context: Context
) -> None:
    job_id = jobs.rendering()
    short = context.settings.poll.model_copy(update={"lease_seconds": 6})
    jobs.context = replace(context, settings=replace(context.settings, poll=short))
    clock.time = jobs.hints.wakes[-1].at
    dispatch(context)
    with rows.sessions.begin() as session:
        session.merge(Turn(account_id=rows.account().id, kind="query", free_at=clock.now() + timedelta(seconds=8)))

    report = jobs.poll()

    assert report is not None
    assert (report.due, provider.count("query")) == (0, 0)
    wake = jobs.hints.wakes[-1]
    assert wake.at == clock.now() + timedelta(seconds=8)
    with rows.sessions() as session:
        assert session.query(PollLane).one().lease_until is None
    jobs.poll(task("RUNNING"))
    assert (provider.count("query"), rows.job(job_id).death_count) == (1, 0)


@pytest.mark.parametrize(
    ("state", "column"), [(TextAttemptState.INTENT, "send_by"), (TextAttemptState.SENT, "answer_by")]
)
def test_a_question_under_way_is_not_given_up_because_the_clock_was_set_ahead(
    context: Context, clock: VirtualClock, host: Counting, state: TextAttemptState, column: str
) -> None:
    with context.sessions.begin() as session:
        job_id = store_text(session, TextState.RUNNING, epoch=1)
        attempt_id = store_text_attempt(session, job_id, state, **{column: clock.now() + timedelta(seconds=10)})
    sweep(context)
    clock.advance(HOUR.total_seconds())

    assert sweep(context).bounded == 1

    with context.sessions() as session:
        attempt = session.get_one(TextAttempt, attempt_id)
        assert (attempt.state, getattr(attempt, column) > clock.now()) == (state, True)
        lease = getattr(attempt, column) - clock.now()
    clock.advance(lease.total_seconds())
    host.true_seconds += lease.total_seconds()
    assert sweep(context).texts == 1  # its worker is dead


@pytest.mark.parametrize(
    ("is_sent", "column", "healed"), [(False, "send_by", "unsent"), (True, "answer_by", "ambiguous")]
)
def test_a_submit_under_way_is_not_doubted_because_the_clock_was_set_ahead(
    jobs: Jobs, rows: Rows, clock: VirtualClock, host: Counting, column: str, healed: str, *, is_sent: bool
) -> None:
    job_id = submitting(jobs, is_sent=is_sent)
    state = rows.attempts(job_id)[0].state
    sweep(jobs.context)
    clock.advance(HOUR.total_seconds())

    assert sweep(jobs.context).bounded == 1

    [attempt] = rows.attempts(job_id)
    lease = (getattr(attempt, column) - clock.now()).total_seconds()
    assert (attempt.state, lease > 0) == (state, True)
    for _ in range(2):
        clock.advance(lease)
        host.true_seconds += lease
    assert getattr(sweep(jobs.context), healed) == 1  # its worker is dead


@pytest.mark.parametrize("is_sent", [False, True])
def test_no_lease_is_past_because_the_clock_was_set_ahead_within_the_sweep(
    jobs: Jobs, rows: Rows, clock: VirtualClock, *, is_sent: bool
) -> None:
    job_id = submitting(jobs, is_sent=is_sent)
    state = rows.attempts(job_id)[0].state

    swept = sweep(replace(jobs.context, clock=SetOnce(clock)))

    assert (swept.unsent, swept.ambiguous, rows.attempts(job_id)[0].state) == (0, 0, state)


@pytest.mark.parametrize(
    ("state", "column"), [(TextAttemptState.INTENT, "send_by"), (TextAttemptState.SENT, "answer_by")]
)
def test_no_question_is_given_up_because_the_clock_was_set_ahead_within_the_sweep(
    context: Context, clock: VirtualClock, state: TextAttemptState, column: str
) -> None:
    with context.sessions.begin() as session:
        job_id = store_text(session, TextState.RUNNING, epoch=1)
        attempt_id = store_text_attempt(session, job_id, state, **{column: clock.now() + timedelta(seconds=10)})

    assert sweep(replace(context, clock=SetOnce(clock))).texts == 0

    with context.sessions() as session:
        assert session.get_one(TextAttempt, attempt_id).state is state


def test_a_submit_whose_lane_was_taken_because_the_clock_was_set_ahead_is_not_called_sent(
    jobs: Jobs, rows: Rows, clock: VirtualClock
) -> None:
    hints = jobs.admitted(), jobs.admitted()
    first = claim_job(jobs.context, hints[0].job_id, hints[0].epoch)
    sweep(jobs.context)
    clock.advance(HOUR.total_seconds())
    sweep(jobs.context)
    assert isinstance(claim_job(jobs.context, hints[1].job_id, hints[1].epoch), Claim)

    assert isinstance(first, Claim)
    assert not mark_sent(jobs.context, first)

    (attempt,) = rows.attempts(hints[0].job_id)
    assert (attempt.state, attempt.sent_at) == (AttemptState.INTENT, None)


class SetOnce:
    """A clock that is set an hour ahead after it was asked for the first time."""

    def __init__(self, clock: VirtualClock) -> None:
        self._clock = clock
        self._is_set = False

    def now(self, session: Session) -> datetime:
        """The time that it shows."""
        if not self._is_set:
            self._is_set = True
            return self._clock.now(session)
        return self._clock.now(session) + HOUR


def submitting(jobs: Jobs, *, is_sent: bool) -> UUID:
    """A job that a worker has claimed, and whose POST is about to leave where it *is_sent*."""
    hint = jobs.admitted()
    claim = claim_job(jobs.context, hint.job_id, hint.epoch)
    assert isinstance(claim, Claim)
    if is_sent:
        assert mark_sent(jobs.context, claim)
    return hint.job_id
