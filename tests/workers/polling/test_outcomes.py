"""What the rows say after each answer: state, slot, task, history and what is hinted at."""

from __future__ import annotations

from datetime import datetime, timedelta
from decimal import Decimal

import pytest
from sqlalchemy import select

from models import Attempt, Campaign, EntryKind, PollLane
from reelqueue.states import FailureClass, RenderState
from tests.support.jobs import Jobs
from tests.support.recorded_hints import RecordedHints
from tests.support.rows import Rows
from tests.support.scripted_provider import (
    RESULT_URL,
    Answer,
    ScriptedProvider,
    accepted,
    answer,
    listing,
    refused,
    succeeded,
    task,
)
from tests.support.virtual_clock import VirtualClock
from workers.audit.invariants import audit


def test_a_rendered_job_waits_for_its_file(jobs: Jobs, rows: Rows, hints: RecordedHints, clock: VirtualClock) -> None:
    job_id = jobs.rendering()
    hints.dispatches = 0

    jobs.poll(succeeded())

    job = rows.job(job_id)
    assert (job.state, job.next_poll_at, job.next_archive_at) == (RenderState.ARCHIVING, None, clock.now())
    assert (hints.fetches, hints.dispatches) == ([job_id], 1)
    assert not rows.has_slot(job_id)


def test_a_finished_task_is_kept_as_it_was_told(jobs: Jobs, rows: Rows, clock: VirtualClock) -> None:
    job_id = jobs.rendering()
    times = {"scheduled_time": "2026-11-23 20:00:01.500", "end_time": "2026-11-23 20:00:04.000"}

    jobs.poll(succeeded(actual_prompt="a paper boat, rewritten", **times))

    (told,) = rows.tasks(job_id)
    assert (told.status, told.result_url, told.actual_prompt) == ("SUCCEEDED", RESULT_URL, "a paper boat, rewritten")
    assert (told.started_at, told.ended_at) == (clock.at(1.5), clock.at(4))
    assert told.result_expires_at == clock.at(4) + timedelta(hours=24)
    assert (told.billed_seconds, told.usage) == (Decimal(5), {"duration": 5, "SR": 720})


@pytest.mark.parametrize(
    "end_time", ["1970-01-01 08:00:00", "0001-01-03 00:00:00", "9999-01-01 00:00:00", "yesterday", None, 1, 10**15]
)
def test_no_nonsense_about_its_end_shortens_the_life_of_a_result(
    jobs: Jobs, rows: Rows, clock: VirtualClock, end_time: object
) -> None:
    job_id = jobs.rendering()
    submitted_at = clock.now()

    jobs.poll(succeeded(end_time=end_time))

    (told,) = rows.tasks(job_id)
    assert told.result_expires_at is not None
    assert timedelta(0) <= told.result_expires_at - (submitted_at + timedelta(hours=24)) <= clock.now() - submitted_at


@pytest.mark.parametrize(
    ("said", "state", "failure_class"),
    [
        (task("FAILED", code="InvalidParameter", message="size"), RenderState.FAILED, FailureClass.INPUT),
        (task("FAILED", code="DataInspectionFailed"), RenderState.MODERATED, FailureClass.MODERATION),
        (task("CANCELED"), RenderState.CANCELLED, None),
    ],
)
def test_a_task_without_a_video_ends_its_job(
    jobs: Jobs, rows: Rows, hints: RecordedHints, said: Answer, state: RenderState, failure_class: FailureClass | None
) -> None:
    job_id = jobs.rendering()

    jobs.poll(said)

    job = rows.job(job_id)
    assert (job.state, job.failure_class, job.finished_at) == (state, failure_class, jobs.clock.now())
    assert (job.next_poll_at, job.next_archive_at, hints.fetches) == (None, None, [])
    assert not rows.has_slot(job_id)


def test_a_task_that_stays_unknown_and_is_not_listed_is_lost(jobs: Jobs, rows: Rows, clock: VirtualClock) -> None:
    job_id = jobs.rendering(poll_interval_ms=1000)
    rules = jobs.context.settings.poll

    for _ in range(2 * rules.unknown_limit):
        jobs.poll(task("UNKNOWN"))
    assert (rows.state(job_id), jobs.provider.count("list")) == (RenderState.RENDERING, 0)
    clock.advance(rules.unknown_seconds)
    jobs.poll(task("UNKNOWN"))

    assert rows.state(job_id) is RenderState.LOST
    assert "task-1" in (rows.job(job_id).failure_message or "")
    assert not rows.has_slot(job_id)


@pytest.mark.parametrize(
    "made_at", ["1970-01-01 00:00:00", "0001-01-02 00:00:00", "9999-12-31 23:59:59", "2026-11-26 12:00:00"]
)
def test_a_nonsensical_time_on_a_task_moves_no_window_of_the_list(jobs: Jobs, rows: Rows, made_at: str) -> None:
    job_id, _other = (jobs.rendering(poll_interval_ms=60_000) for _ in range(2))
    jobs.provider.on_query(task("UNKNOWN"), task_id="task-1")
    jobs.clock.advance(jobs.context.settings.poll.unknown_seconds)

    while rows.state(job_id) is RenderState.RENDERING:
        jobs.poll(task("RUNNING", submit_time=made_at))

    asked = next(one.url.params for one in reversed(jobs.provider.requests) if "start_time" in one.url.params)
    since, until = (datetime.strptime(f"{asked[name]}+0800", "%Y%m%d%H%M%S%z") for name in ("start_time", "end_time"))
    assert until - since < timedelta(hours=3)
    assert rows.state(job_id) is RenderState.LOST


def _cut(row: dict[str, object]) -> Answer:
    return answer(200, {"total": 2, "total_page": 1, "page_no": 1, "page_size": 100, "data": [row]})


@pytest.mark.parametrize(
    "said",
    [
        listing({"task_id": "task-1", "status": "RUNNING", "model_name": "wan2.6-t2v"}),
        listing({"task_id": "task-1", "status": "UNKNOWN"}),
        _cut({"task_id": "another", "status": "RUNNING"}),
        refused(403, "AccessDenied"),
        Answer(200, b"<html>"),
    ],
)
def test_an_unknown_task_is_not_lost_while_the_list_does_not_miss_it(
    jobs: Jobs, rows: Rows, clock: VirtualClock, said: Answer
) -> None:
    job_id = jobs.rendering(poll_interval_ms=60_000)
    jobs.provider.on_list(said)
    clock.advance(jobs.context.settings.poll.unknown_seconds)

    for _ in range(jobs.context.settings.poll.unknown_limit):
        jobs.poll(task("UNKNOWN"))
    assert (rows.state(job_id), jobs.provider.count("list")) == (RenderState.RENDERING, 1)
    jobs.poll(succeeded())

    assert rows.state(job_id) is RenderState.ARCHIVING


def test_an_unknown_task_is_looked_for_at_the_providers_time(jobs: Jobs, rows: Rows, clock: VirtualClock) -> None:
    job_id = jobs.rendering(poll_interval_ms=60_000)
    rows.change(Attempt, Attempt.job_id == job_id, clock_offset_seconds=-7200.0)
    clock.advance(jobs.context.settings.poll.unknown_seconds)

    for _ in range(jobs.context.settings.poll.unknown_limit):
        jobs.poll(task("UNKNOWN"))

    since = jobs.provider.requests[-1].url.params["start_time"]
    assert since <= (clock.at(-7200) + timedelta(hours=8)).strftime("%Y%m%d%H%M%S")  # Beijing time


def test_an_unknown_task_is_not_lost_under_another_key(jobs: Jobs, rows: Rows, clock: VirtualClock) -> None:
    job_id = jobs.rendering(poll_interval_ms=60_000)
    jobs.context.environment["ALIBABA_API_KEY"] = "sk-another"  # type: ignore[index]
    clock.advance(jobs.context.settings.poll.unknown_seconds)

    for _ in range(jobs.context.settings.poll.unknown_limit):
        jobs.poll(task("UNKNOWN"))

    assert (rows.state(job_id), jobs.provider.count("list")) == (RenderState.RENDERING, 0)


def test_a_task_that_flaps_is_collected(jobs: Jobs, rows: Rows) -> None:
    job_id = jobs.rendering(poll_interval_ms=1000)
    known = task("RUNNING")

    for said in [task("UNKNOWN"), known] * 6:
        jobs.poll(said)
    jobs.poll(succeeded())

    assert rows.state(job_id) is RenderState.ARCHIVING


def test_a_status_that_goes_backwards_is_only_noted(jobs: Jobs, rows: Rows) -> None:
    job_id = jobs.rendering()

    for status in ["RUNNING", "PENDING", "RUNNING"]:
        jobs.poll(task(status))

    words = [event.detail["to"] for event in rows.events(job_id, "provider_status")]
    assert words == ["RUNNING", "PENDING", "RUNNING"]
    assert rows.state(job_id) is RenderState.RENDERING


def test_the_same_word_again_makes_no_event(jobs: Jobs, rows: Rows) -> None:
    job_id = jobs.rendering()

    for _ in range(3):
        jobs.poll(task("RUNNING"))

    assert len(rows.events(job_id, "provider_status")) == 1
    assert rows.job(job_id).poll_count == 3


def test_an_unknown_word_raises_an_alarm_once(jobs: Jobs, rows: Rows) -> None:
    job_id = jobs.rendering()

    for _ in range(3):
        jobs.poll(task("SUSPENDED"))

    (alarm,) = rows.events(job_id, "alarm")
    assert "SUSPENDED" in alarm.detail["seen"]
    assert rows.state(job_id) is RenderState.RENDERING


def test_a_success_without_a_url_is_asked_for_again(jobs: Jobs, rows: Rows) -> None:
    job_id = jobs.rendering()

    jobs.poll(task("SUCCEEDED", video_url=""))
    assert rows.state(job_id) is RenderState.RENDERING
    jobs.poll(succeeded())

    assert rows.state(job_id) is RenderState.ARCHIVING
    assert rows.tasks(job_id)[0].result_url == RESULT_URL


def test_a_success_without_a_url_frees_its_slot_at_once_and_is_paid_once(
    jobs: Jobs, rows: Rows, hints: RecordedHints
) -> None:
    job_id = jobs.rendering()
    hints.dispatches = 0

    jobs.poll(task("SUCCEEDED", usage={"duration": 5, "SR": 720}))
    assert (rows.has_slot(job_id), hints.dispatches, rows.spent(job_id)) == (False, 1, Decimal("0.50"))
    jobs.poll(task("SUCCEEDED", usage={"duration": 5, "SR": 720}))
    jobs.poll(task("SUCCEEDED", video_url=RESULT_URL))  # and no usage any more

    (stored,) = rows.tasks(job_id)
    assert (rows.state(job_id), rows.spent(job_id)) == (RenderState.ARCHIVING, Decimal("0.50"))
    assert (stored.result_url, stored.billed_seconds, hints.dispatches) == (RESULT_URL, 5, 2)
    assert unbroken(rows)


def test_a_success_that_never_has_a_url_ends_timed_out_and_paid(jobs: Jobs, rows: Rows, clock: VirtualClock) -> None:
    job_id = jobs.rendering(poll_interval_ms=5000, poll_timeout_ms=10_000)
    for _ in range(3):
        jobs.poll(task("SUCCEEDED", usage={"duration": 5, "SR": 720}))
        assert unbroken(rows)
    assert (rows.state(job_id), rows.has_slot(job_id)) == (RenderState.TIMED_OUT, False)

    clock.advance(25 * 3600)
    jobs.poll(task("UNKNOWN"))

    assert (rows.job(job_id).next_poll_at, rows.spent(job_id)) == (None, Decimal("0.50"))
    assert [entry.kind for entry in rows.entries(job_id)].count(EntryKind.SETTLE) == 1
    assert EntryKind.WRITE_OFF not in {entry.kind for entry in rows.entries(job_id)}
    assert unbroken(rows)


def test_a_success_that_tells_nothing_frees_its_slot_and_is_settled_by_the_usage_that_comes(
    jobs: Jobs, rows: Rows
) -> None:
    """One of a range of prices: a reference video of up to five seconds is billed as well."""
    options = {"model": "wan2.6-r2v", "prompt": "character1 waves", "duration": 5}
    job_id = jobs.rendering(reference_urls=["https://media.example/a.mp4"], **options)
    budget = spending(rows, budget_amount=Decimal(5), budget_currency="USD")
    assert budget.spent_amount == 0

    for said in [task("SUCCEEDED"), task("SUCCEEDED", video_url="", usage={"duration": 0})]:
        jobs.poll(said)
        assert (rows.has_slot(job_id), rows.spent(job_id)) == (False, Decimal("1.00"))
        assert spending(rows).spent_amount == Decimal("1.00")
        assert unbroken(rows)
    jobs.poll(task("SUCCEEDED", video_url=RESULT_URL, usage={"duration": 6, "SR": 720}))

    (stored,) = rows.tasks(job_id)
    assert (rows.state(job_id), stored.billed_seconds) == (RenderState.ARCHIVING, 6)
    assert (rows.spent(job_id), spending(rows).spent_amount) == (Decimal("0.60"), Decimal("0.60"))
    assert [(entry.kind, entry.amount, entry.seconds) for entry in rows.entries(job_id)[2:]] == [
        (EntryKind.WRITE_OFF, Decimal("1.00"), None),
        (EntryKind.SETTLE, Decimal("0.60"), Decimal(6)),
        (EntryKind.WRITE_OFF, Decimal("-1.00"), None),
    ]
    assert unbroken(rows)


@pytest.mark.parametrize(
    ("at_last", "kinds"),
    [
        (task("SUCCEEDED"), [EntryKind.WRITE_OFF, EntryKind.SETTLE, EntryKind.WRITE_OFF]),
        (refused(500, "InternalError"), [EntryKind.WRITE_OFF, EntryKind.SETTLE, EntryKind.WRITE_OFF]),
        (task("UNKNOWN"), [EntryKind.WRITE_OFF]),
        (task("FAILED", code="InternalError"), [EntryKind.WRITE_OFF]),
    ],
)
def test_a_success_that_never_tells_anything_costs_the_most_that_it_can(
    jobs: Jobs, rows: Rows, clock: VirtualClock, at_last: Answer, kinds: list[EntryKind]
) -> None:
    job_id = jobs.rendering(poll_interval_ms=5000, poll_timeout_ms=10_000)
    for said in [task("SUCCEEDED"), refused(500, "InternalError"), task("UNKNOWN"), task("SUCCEEDED")]:
        jobs.poll(said)
        assert unbroken(rows)
    clock.advance(25 * 3600)

    jobs.poll(at_last)

    assert (rows.job(job_id).next_poll_at, rows.spent(job_id)) == (None, Decimal("0.50"))
    assert [entry.kind for entry in rows.entries(job_id)[2:]] == kinds
    assert unbroken(rows)


def spending(rows: Rows, **values: object) -> Campaign:
    """The only campaign, changed or as it is."""
    if values:
        rows.change(Campaign, **values)
    with rows.sessions() as session:
        return session.scalars(select(Campaign)).one()


def test_a_url_beside_an_unknown_word_is_collected_at_the_deadline(jobs: Jobs, rows: Rows, clock: VirtualClock) -> None:
    job_id = jobs.rendering(poll_interval_ms=5000, poll_timeout_ms=10_000)
    odd = task("SUCCESS", video_url=RESULT_URL, usage={"duration": 5, "SR": 720})

    jobs.poll(odd)
    assert (rows.state(job_id), rows.has_slot(job_id)) == (RenderState.RENDERING, True)
    jobs.poll(odd)

    job = rows.job(job_id)
    assert (job.state, job.next_archive_at, job.next_poll_at) == (RenderState.TIMED_OUT, clock.now(), None)
    assert (rows.has_slot(job_id), rows.spent(job_id)) == (False, Decimal("0.50"))
    assert unbroken(rows)


def unbroken(rows: Rows) -> bool:
    """Whether the audit finds nothing wrong."""
    with rows.sessions() as session:
        return not [finding for finding in audit(session) if finding.is_broken]


HOSTILE = [
    {"task_status": "SUCCEEDED", "video_url": RESULT_URL, "end_time": "9999-12-31 23:59:59.999"},
    {"task_status": "SUCCEEDED", "video_url": RESULT_URL, "end_time": "0001-01-01 00:00:00"},
    {"task_status": "SUCCEEDED", "video_url": RESULT_URL + "\x00\ud800", "actual_prompt": "\x00"},
    {"task_status": "FAILED", "code": "\x00", "message": "\ud800"},
    {"task_status": "x" * 100_000},
    {"task_status": "'; DROP TABLE render_jobs; --", "message": "%(x)s %s {0}"},
    {"task_status": ["RUNNING"]},
    {"task_status": 7},
]


@pytest.mark.parametrize("output", HOSTILE, ids=lambda output: str(output)[:40])
def test_no_answer_hurts_the_jobs_beside_it(
    jobs: Jobs, rows: Rows, provider: ScriptedProvider, output: dict[str, object]
) -> None:
    provider.on_submit(accepted("hostile"), accepted("good"))
    jobs.rendering()
    good = jobs.rendering()
    usage = {"duration": "1e999999", "SR\x00": "\x00", "a": {"b": [1e308]}, "c": "\ud800", "d": 10**400}
    provider.on_query(answer(200, {"output": output, "usage": usage}), task_id="hostile")

    jobs.poll(succeeded())

    assert rows.state(good) is RenderState.ARCHIVING


def test_a_task_that_claims_to_end_in_the_future_expires_a_day_from_now(
    jobs: Jobs, rows: Rows, clock: VirtualClock
) -> None:
    job_id = jobs.rendering()

    jobs.poll(succeeded(end_time="9999-12-30 00:00:00"))

    assert rows.tasks(job_id)[0].result_expires_at == clock.now() + timedelta(hours=24)


def test_a_job_that_timed_out_keeps_its_slot_while_it_is_watched(jobs: Jobs, rows: Rows, clock: VirtualClock) -> None:
    job_id = jobs.rendering(poll_interval_ms=1000, poll_timeout_ms=1000)

    jobs.poll()

    job = rows.job(job_id)
    assert (job.state, job.finished_at) == (RenderState.TIMED_OUT, clock.now())
    assert job.next_poll_at == clock.now() + timedelta(seconds=60)
    assert rows.has_slot(job_id)


def test_a_late_result_is_fetched_while_the_job_stays_timed_out(
    jobs: Jobs, rows: Rows, hints: RecordedHints, clock: VirtualClock
) -> None:
    job_id = jobs.rendering(poll_interval_ms=1000, poll_timeout_ms=1000)
    jobs.poll()

    jobs.poll(succeeded())

    job = rows.job(job_id)
    assert (job.state, job.next_archive_at, hints.fetches) == (RenderState.TIMED_OUT, clock.at(61), [job_id])
    assert job.next_poll_at is None
    assert not rows.has_slot(job_id)


def test_an_abandoned_job_is_watched_for_its_bill_alone(jobs: Jobs, rows: Rows) -> None:
    job_id = jobs.rendering(poll_interval_ms=1000, poll_timeout_ms=1000, on_timeout="abandon")
    jobs.poll()
    assert rows.has_slot(job_id)

    jobs.poll(succeeded())

    job = rows.job(job_id)
    assert (job.state, job.next_poll_at, job.next_archive_at) == (RenderState.TIMED_OUT, None, None)
    assert (rows.has_slot(job_id), rows.spent(job_id)) == (False, Decimal("0.50"))


def test_the_watch_ends_a_day_after_the_submit(jobs: Jobs, rows: Rows, clock: VirtualClock) -> None:
    job_id = jobs.rendering(poll_interval_ms=1000, poll_timeout_ms=1000)
    jobs.poll()
    rows.change(PollLane, PollLane.seq > 0, wake_at=clock.now())

    jobs.poll(after_seconds=24 * 3600)

    assert (rows.state(job_id), rows.job(job_id).next_poll_at) == (RenderState.TIMED_OUT, None)
    assert not rows.has_slot(job_id)


@pytest.mark.parametrize("said", [task("FAILED", code="InternalError"), task("CANCELED")])
def test_a_watched_task_that_fails_leaves_the_job_timed_out(jobs: Jobs, rows: Rows, said: Answer) -> None:
    job_id = jobs.rendering(poll_interval_ms=1000, poll_timeout_ms=1000)
    jobs.poll()
    reason = rows.job(job_id).failure_message

    jobs.poll(said)

    job = rows.job(job_id)
    assert (job.state, job.failure_message, job.next_archive_at) == (RenderState.TIMED_OUT, reason, None)
    assert rows.tasks(job_id)[0].status == ("FAILED" if b"FAILED" in said.content else "CANCELED")
