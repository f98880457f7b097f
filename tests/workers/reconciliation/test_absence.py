"""Two listings prove absence: a minute apart, after the POST can have arrived, and while they reach back that far."""

from __future__ import annotations

import pytest

from reelqueue.states import AttemptState, RenderState
from tests.support.doubts import Doubts, WatchedProvider, row
from tests.support.jobs import PROMPT, Jobs
from tests.support.recorded_hints import RecordedHints
from tests.support.rows import Rows
from tests.support.scripted_provider import Answer, answer, listing, refused, succeeded
from tests.support.virtual_clock import VirtualClock
from workers.dispatch.dispatcher import dispatch
from workers.runtime.context import Context

PAGE_1_OF_2 = answer(200, {"total": 2, "total_page": 2, "page_no": 1, "page_size": 1, "data": [row("foreign")]})
PAGE_2_OF_2 = answer(200, {"total": 2, "total_page": 2, "page_no": 2, "page_size": 1, "data": [row("ours")]})
UNREADABLE = {
    "refused": refused(403, "AccessDenied"),
    "throttled": refused(429, "Throttling.RateQuota"),
    "a web page": Answer(200, b"<html>sign in</html>"),
    "a fault": Answer(502, b"<html>bad gateway</html>"),
    "cut": Answer(200, b'{"total": 1, "data": [{"task_'),
    "an error under 200": answer(200, {"code": "InternalError", "message": "oops", "request_id": "r"}),
    "no list": answer(200, {"total": 0, "total_page": 0}),
    "a row without an id": listing({"status": "RUNNING"}),
    "cut to no row": answer(200, {"total": 1, "total_page": 1, "page_no": 1, "page_size": 100, "data": []}),
    "no total": answer(200, {"total_page": 1, "page_no": 1, "page_size": 100, "data": []}),
}


def test_two_listings_without_a_trace_buy_it_again(doubts: Doubts, rows: Rows, hints: RecordedHints) -> None:
    job_id = doubts.ambiguous()
    before = hints.dispatches

    doubts.ask_until_absent(job_id)

    assert doubts.attempt(job_id).state is AttemptState.NOT_CREATED
    assert rows.state(job_id) is RenderState.QUEUED
    assert not rows.has_slot(job_id)
    assert hints.dispatches > before


def test_the_two_are_a_minute_apart_and_after_the_post(doubts: Doubts, clock: VirtualClock) -> None:
    job_id = doubts.ambiguous()
    silent_since = doubts.attempt(job_id).answer_by
    assert silent_since is not None

    doubts.ask_until_absent(job_id)

    first = doubts.attempt(job_id).first_absent_at
    assert first is not None
    assert first >= silent_since
    assert (clock.now() - first).total_seconds() == 60


def test_a_listing_that_lags_90_s_costs_nothing(doubts: Doubts, rows: Rows, clock: VirtualClock) -> None:
    job_id = doubts.ambiguous()
    while (doubts.attempt(job_id).reconcile_at or clock.at(0)) < clock.at(90):
        doubts.ask(job_id)
    doubts.lists(ours=PROMPT)

    doubts.ask(job_id)

    assert rows.state(job_id) is RenderState.RENDERING
    assert len(rows.attempts(job_id)) == 1


def test_a_listing_that_misses_a_row_once_costs_nothing(doubts: Doubts, rows: Rows, clock: VirtualClock) -> None:
    job_id = doubts.ambiguous()
    while doubts.attempt(job_id).first_absent_at is None:
        doubts.ask(job_id)
    doubts.lists("perhaps")  # it was there all the time
    doubts.ask(job_id)
    doubts.provider.on_list(listing())

    doubts.ask(job_id)

    assert doubts.attempt(job_id).state is AttemptState.RECONCILING
    assert doubts.attempt(job_id).first_absent_at == clock.now()


@pytest.mark.parametrize("name", UNREADABLE)
def test_a_listing_that_cannot_be_read_proves_nothing(name: str, doubts: Doubts, rows: Rows) -> None:
    job_id = doubts.ambiguous()
    doubts.provider.on_list(UNREADABLE[name])

    for _ in range(20):
        doubts.ask(job_id)

    assert doubts.attempt(job_id).state is AttemptState.RECONCILING
    assert doubts.attempt(job_id).first_absent_at is None
    assert rows.state(job_id) is RenderState.SUBMITTING


def test_a_page_that_is_missing_proves_nothing(doubts: Doubts) -> None:
    job_id = doubts.ambiguous()
    doubts.provider.on_list(PAGE_1_OF_2, Answer(500, b""))

    doubts.ask(job_id, after_seconds=60)

    assert doubts.attempt(job_id).first_absent_at is None


def test_a_list_that_may_miss_tasks_is_good_for_the_very_request_only(doubts: Doubts, rows: Rows) -> None:
    by_prompt = doubts.ambiguous()
    by_request = doubts.ambiguous(answer(200, {"output": {}, "request_id": "of-ours"}))
    doubts.provider.on_list(answer(200, {"total": 7, "total_page": 1, "page_size": 100, "data": [row("ours")]}))
    doubts.provider.on_query(succeeded(orig_prompt=PROMPT))

    doubts.ask(by_prompt)
    doubts.ask(by_request)

    assert rows.state(by_prompt) is RenderState.SUBMITTING
    assert [task.provider_task_id for task in rows.tasks(by_request)] == ["ours"]


def test_a_task_on_the_second_page_is_found(doubts: Doubts, rows: Rows) -> None:
    job_id = doubts.ambiguous()
    doubts.lists(ours=PROMPT, foreign="another prompt")
    doubts.provider.on_list(PAGE_1_OF_2, PAGE_2_OF_2)

    doubts.ask(job_id)

    assert [task.provider_task_id for task in rows.tasks(job_id)] == ["ours"]


def test_a_row_that_is_shown_twice_is_one_task(doubts: Doubts, rows: Rows) -> None:
    job_id = doubts.ambiguous()
    doubts.lists(ours=PROMPT)
    twice = [row("ours"), row("ours")]
    doubts.provider.on_list(answer(200, {"total": 1, "total_page": 1, "page_no": 1, "page_size": 100, "data": twice}))

    doubts.ask(job_id)

    assert rows.state(job_id) is RenderState.RENDERING


def test_the_listing_is_asked_for_the_model_and_the_time_of_the_post(doubts: Doubts, provider: WatchedProvider) -> None:
    job_id = doubts.ambiguous()

    doubts.ask(job_id, after_seconds=3000)

    query = provider.requests[-1].url.params
    assert query["model_name"] == "wan2.6-t2v"
    # Sent at 12:00 UTC, silent 40 s later, Beijing time; an hour on both sides, as no task has told its time yet.
    assert (query["start_time"], query["end_time"]) == ("20261123190000", "20261123210040")


def test_the_second_absence_of_a_job_is_for_a_person(doubts: Doubts, rows: Rows, context: Context) -> None:
    job_id = doubts.ambiguous()
    doubts.ask_until_absent(job_id)
    dispatch(context)
    _submit_again_in_vain(doubts, job_id)

    doubts.ask_until_absent(job_id)

    assert rows.state(job_id) is RenderState.NEEDS_REVIEW
    assert doubts.attempt(job_id).state is AttemptState.UNRESOLVED
    assert rows.has_slot(job_id)
    assert "review list" in str(rows.job(job_id).failure_message)


def test_nobody_asks_for_ever(doubts: Doubts, rows: Rows) -> None:
    job_id = doubts.ambiguous()
    doubts.provider.on_list(refused(403, "AccessDenied"))

    doubts.give_up(job_id)

    assert rows.state(job_id) is RenderState.NEEDS_REVIEW
    assert doubts.attempt(job_id).reconcile_at is None


def test_a_listing_proves_nothing_about_the_day_before_yesterday(doubts: Doubts, rows: Rows) -> None:
    job_id = doubts.ambiguous()  # and then the machine was off for two days

    doubts.ask(job_id, after_seconds=48 * 3600)

    assert rows.state(job_id) is RenderState.NEEDS_REVIEW
    assert "of that age" in str(rows.job(job_id).failure_message)


def test_without_the_key_nothing_is_decided(doubts: Doubts, rows: Rows, context: Context) -> None:
    job_id = doubts.ambiguous()
    dict.clear(context.environment)  # type: ignore[arg-type] # the fixture's is a dict

    doubts.ask(job_id, after_seconds=100)

    assert rows.state(job_id) is RenderState.SUBMITTING
    assert doubts.attempt(job_id).first_absent_at is None


def _submit_again_in_vain(doubts: Doubts, job_id: object) -> None:
    jobs: Jobs = doubts.jobs
    doubts.provider.on_submit(Answer(504, b""))
    jobs.submit([hint for hint in jobs.hints.submits if hint.job_id == job_id][-1])
