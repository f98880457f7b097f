"""Lost answers where the provider's clock and the database's disagree: a window moves with them, or proves nothing."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from datetime import datetime, timedelta

import pytest

from models import AccountClock, Attempt
from reelqueue.states import AttemptState, RenderState
from tests.support.doubts import Doubts, WatchedProvider, row
from tests.support.jobs import PROMPT, Jobs
from tests.support.rows import Rows
from tests.support.scripted_provider import Answer, listing, refused, succeeded, task
from tests.support.virtual_clock import VirtualClock
from workers.dashscope.wire import format_time
from workers.orphans.scan import scan_for_orphans
from workers.runtime.context import Context
from workers.runtime.known_clocks import KnownClocks


@pytest.fixture
def context(context: Context) -> Context:
    """A worker that knows no clock yet."""
    return replace(context, clocks=KnownClocks())


def shows(provider: WatchedProvider, made_at: datetime) -> Callable[[], Answer]:
    """A list that shows our task to who asks for its time."""

    def say() -> Answer:
        window = provider.requests[-1].url.params
        made_ms = int(made_at.timestamp() * 1000)
        is_asked = window["start_time"] <= format_time(made_at) <= window["end_time"]
        return listing(*([row("ours", gmt_create=made_ms)] if is_asked else []))

    return say


def lose_an_answer(doubts: Doubts) -> object:
    """A submit that made a task, which the list shows under the provider's time."""
    job_id = doubts.ambiguous()
    doubts.provider.on_list(shows(doubts.provider, doubts.provider.now()))
    doubts.provider.on_query(succeeded(orig_prompt=PROMPT), task_id="ours")
    return job_id


def set_database_clock(doubts: Doubts, seconds: float) -> None:
    """Set it, and let no time pass."""
    doubts.jobs.clock.advance(seconds)
    doubts.provider.offset_seconds -= seconds


@pytest.mark.parametrize("offset_seconds", [600, -600, 4 * 3600, -4 * 3600])
def test_a_task_is_found_at_the_providers_time(doubts: Doubts, rows: Rows, offset_seconds: float) -> None:
    doubts.provider.offset_seconds = offset_seconds
    job_id = doubts.ambiguous()
    doubts.provider.on_list(shows(doubts.provider, doubts.provider.now()))
    doubts.provider.on_query(succeeded(orig_prompt=PROMPT), task_id="ours")

    doubts.ask(job_id)

    assert [one.provider_task_id for one in rows.tasks(job_id)] == ["ours"]


@pytest.mark.parametrize("offset_seconds", [0, 600, -4 * 3600])
def test_what_was_not_made_is_proven_at_the_providers_time(doubts: Doubts, offset_seconds: float) -> None:
    doubts.provider.offset_seconds = offset_seconds
    job_id = doubts.ambiguous()

    doubts.ask_until_absent(job_id)

    assert doubts.attempt(job_id).state is AttemptState.NOT_CREATED


def test_where_no_answer_tells_the_time_absence_is_never_proven(doubts: Doubts, rows: Rows) -> None:
    doubts.provider.clock = None
    job_id = doubts.ambiguous()

    for _ in range(20):
        said = doubts.ask(job_id)

    assert "the provider's clock at the time it was sent is unknown" in said
    assert doubts.attempt(job_id).first_absent_at is None
    doubts.give_up(job_id)
    assert rows.state(job_id) is RenderState.NEEDS_REVIEW


@pytest.mark.parametrize("steps_seconds", [(600,), (-600,), (3600, -3000)])
def test_a_providers_clock_that_was_set_since_proves_nothing(doubts: Doubts, steps_seconds: tuple[float, ...]) -> None:
    job_id = doubts.ambiguous()

    for seconds in steps_seconds:
        doubts.provider.offset_seconds += seconds
        said = doubts.ask(job_id, after_seconds=60)

    assert "was set by 600 s" in said
    assert doubts.attempt(job_id).first_absent_at is None


@pytest.mark.parametrize("seconds", [1800, 600])
def test_a_database_clock_that_was_set_since_proves_nothing(doubts: Doubts, rows: Rows, seconds: float) -> None:
    job_id = doubts.ambiguous()
    made_at = doubts.provider.now()
    doubts.ask(job_id)
    set_database_clock(doubts, seconds)

    assert f"was set by {seconds} s" in doubts.ask(job_id)

    doubts.provider.on_list(shows(doubts.provider, made_at))
    doubts.provider.on_query(succeeded(orig_prompt=PROMPT), task_id="ours")
    doubts.ask(job_id)
    assert [one.provider_task_id for one in rows.tasks(job_id)] == ["ours"]


def test_a_submit_measures_anew_after_the_databases_clock_was_set(doubts: Doubts) -> None:
    doubts.ambiguous()
    set_database_clock(doubts, 3600)

    job_id = doubts.ambiguous()

    offset = doubts.attempt(job_id).clock_offset_seconds
    assert offset is not None
    assert abs(offset + 3600) < 5


def test_a_submit_asks_for_the_time_once(doubts: Doubts) -> None:
    doubts.ambiguous()
    doubts.ambiguous()

    assert doubts.provider.count("list") == 1


def test_a_submit_measures_anew_where_a_list_has_seen_another_time(doubts: Doubts) -> None:
    first = doubts.ambiguous()
    doubts.provider.offset_seconds = 600
    doubts.ask(first)
    asked = doubts.provider.count("list")

    second = doubts.attempt(doubts.ambiguous()).clock_offset_seconds
    doubts.ambiguous()

    assert second is not None
    assert abs(second - 600) < 5
    assert doubts.provider.count("list") == asked + 1


def test_a_refusal_tells_the_time_as_well(doubts: Doubts) -> None:
    doubts.provider.on_list(refused(403, "AccessDenied"))
    doubts.provider.offset_seconds = 60

    offset = doubts.attempt(doubts.ambiguous()).clock_offset_seconds

    assert offset is not None
    assert abs(offset - 60) < 5


def test_a_small_step_makes_the_wait_longer(doubts: Doubts, clock: VirtualClock) -> None:
    job_id = doubts.ambiguous()
    while doubts.attempt(job_id).first_absent_at is None:
        doubts.ask(job_id)
    doubts.provider.offset_seconds -= 60  # it may be that no time has passed for the list since

    doubts.ask_until_absent(job_id)

    first = doubts.attempt(job_id).first_absent_at
    assert first is not None
    assert clock.now() - first > timedelta(seconds=60 + 50)


def test_times_on_tasks_count_where_another_clock_writes_them(
    doubts: Doubts, jobs: Jobs, provider: WatchedProvider
) -> None:
    jobs.rendering()
    ten_minutes_late = format_submit_time(doubts.jobs.clock.now() + timedelta(minutes=10))
    jobs.poll(task("RUNNING", submit_time=ten_minutes_late))
    job_id = doubts.ambiguous()
    sent_at = doubts.attempt(job_id).sent_at
    assert sent_at is not None

    doubts.ask(job_id)

    window = next(request for request in reversed(provider.requests) if "model_name" in request.url.params).url.params
    assert window["start_time"] <= format_time(sent_at) <= window["end_time"]
    assert window["start_time"] <= format_time(sent_at + timedelta(minutes=10)) <= window["end_time"]
    assert window["start_time"] > format_time(sent_at - timedelta(minutes=3))


def format_submit_time(moment: datetime) -> str:
    return (moment + timedelta(hours=8)).strftime("%Y-%m-%d %H:%M:%S.000")


def test_an_attempt_of_a_time_to_come_proves_nothing(doubts: Doubts, rows: Rows, clock: VirtualClock) -> None:
    """The database's clock was ahead while it was sent, though the provider's offset is what it was before."""
    job_id = doubts.ambiguous()
    later = clock.now() + timedelta(hours=1)
    rows.change(Attempt, Attempt.job_id == job_id, created_at=later, sent_at=later)

    assert "the provider's clock at the time it was sent is unknown" in doubts.ask(job_id, after_seconds=60)


def test_the_list_of_a_day_ends_at_the_providers_now(
    doubts: Doubts, context: Context, provider: WatchedProvider, clock: VirtualClock, rows: Rows
) -> None:
    provider.offset_seconds = 600
    doubts.ambiguous()

    scan_for_orphans(context)

    end_time = provider.requests[-1].url.params["end_time"]
    assert format_time(provider.now()) <= end_time <= format_time(provider.now() + timedelta(seconds=130))
    with rows.sessions() as session:
        kept = session.query(AccountClock).one()
    assert abs(kept.offset_seconds - 600) < 5
    assert kept.measured_at == clock.now()


def test_a_listed_task_may_be_a_doubts_by_the_providers_time(
    doubts: Doubts, context: Context, provider: WatchedProvider
) -> None:
    provider.offset_seconds = -4 * 3600
    lose_an_answer(doubts)
    made_ms = int(provider.now().timestamp() * 1000)
    doubts.jobs.clock.advance(600)
    provider.on_list(listing(row("ours", gmt_create=made_ms, status="SUCCEEDED")))

    (look,) = scan_for_orphans(context)

    assert (look.undecided, look.orphans) == (1, [])
