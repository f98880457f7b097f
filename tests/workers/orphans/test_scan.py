"""Orphans: what the provider lists and no job asked for is adopted once, paid once and archived."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import timedelta
from decimal import Decimal
from typing import Any
from uuid import UUID

import httpx
import pytest
from sqlalchemy import select

from models import Account, Campaign, EntryKind, ProviderTask, RenderJob
from reelqueue.states import AttemptState, RenderState
from tests.support.doubts import at_another_account
from tests.support.jobs import MODEL, Jobs
from tests.support.rows import Rows
from tests.support.scripted_provider import RESULT_URL, Answer, Killed, listing, refused, succeeded, task
from tests.support.virtual_clock import VirtualClock
from workers.archive.archive_result import archive_render_job
from workers.audit.invariants import audit
from workers.dispatch.dispatcher import dispatch
from workers.operator.manual_review import write_off
from workers.orphans.adoption import Orphan, adopt_orphan, adopted_since
from workers.orphans.scan import OrphanScan, scan_for_orphans
from workers.reconciliation.reconcile import reconcile_attempt
from workers.runtime.context import Context

PROMPT = "somebody else's paper boat"


@pytest.fixture
def look(context: Context, clock: VirtualClock) -> Callable[[], OrphanScan]:
    """Compares the only account's list with the books, ten minutes later."""
    dispatch(context)  # makes the default account

    def look_now() -> OrphanScan:
        clock.advance(600)
        (found,) = scan_for_orphans(context)
        return found

    return look_now


def listed(clock: VirtualClock, task_id: str, status: str = "SUCCEEDED", **columns: Any) -> dict[str, Any]:
    """A row of the list, of a task that is made now."""
    made_ms = int(clock.now().timestamp() * 1000)
    return {"task_id": task_id, "status": status, "model_name": MODEL, "gmt_create": made_ms, **columns}


def adopted(rows: Rows) -> list[RenderJob]:
    """The jobs of the campaign of orphans."""
    with rows.sessions.begin() as session:
        query = select(RenderJob).join(Campaign, Campaign.id == RenderJob.campaign_id)
        return list(session.scalars(query.where(Campaign.name == "orphans")))


def broken(rows: Rows) -> list[str]:
    with rows.sessions.begin() as session:
        return [finding.check.name for finding in audit(session) if finding.rows]


def test_a_finished_task_of_nobody_becomes_a_job_that_is_archived(
    look: Callable[[], OrphanScan], jobs: Jobs, rows: Rows, clock: VirtualClock
) -> None:
    jobs.provider.on_list(listing(listed(clock, "stray")))
    jobs.provider.on_query(succeeded(orig_prompt=PROMPT))

    (orphan,) = look().orphans

    (job,) = adopted(rows)
    assert (orphan.job_id, orphan.seconds) == (job.id, Decimal(5))
    assert (orphan.amount, orphan.currency) == (Decimal("0.50"), "USD")
    assert (job.state, job.model, job.mode, job.prompt) == (RenderState.ARCHIVING, MODEL, "text-to-video", PROMPT)
    assert job.job_metadata == {"adopted": True}
    assert jobs.hints.fetches == [job.id]
    assert [attempt.state for attempt in rows.attempts(job.id)] == [AttemptState.ADOPTED]
    assert broken(rows) == []


def test_it_is_settled_by_the_tier_that_was_billed(
    look: Callable[[], OrphanScan], jobs: Jobs, rows: Rows, clock: VirtualClock
) -> None:
    jobs.provider.on_list(listing(listed(clock, "stray")))
    jobs.provider.on_query(task("SUCCEEDED", video_url="https://r.test/1.mp4", usage={"duration": 4, "SR": 1080}))

    look()

    (entry,) = rows.entries(adopted(rows)[0].id)
    assert (entry.kind, entry.seconds) == (EntryKind.SETTLE, Decimal(4))
    assert (entry.amount, entry.currency) == (Decimal("0.60"), "USD")


@pytest.mark.parametrize("hours", [-20 * 365 * 24, -24 * 7, -30, 24 * 7, 20 * 365 * 24])
def test_a_time_that_cannot_be_is_not_stored(
    look: Callable[[], OrphanScan], jobs: Jobs, rows: Rows, clock: VirtualClock, hours: int
) -> None:
    made_ms = int((clock.now() + timedelta(hours=hours)).timestamp() * 1000)
    jobs.provider.on_list(listing(listed(clock, "stray", gmt_create=made_ms)))
    jobs.provider.on_query(succeeded(orig_prompt=PROMPT))

    look()

    (job,), now = adopted(rows), clock.now()
    (attempt,), (task_row,) = rows.attempts(job.id), rows.tasks(job.id)
    stored = [job.submitted_at, attempt.sent_at, attempt.send_by, task_row.submitted_at]
    assert all(one is not None and now - timedelta(days=1) <= one <= now for one in stored)
    assert task_row.result_expires_at is not None
    assert task_row.result_expires_at <= now + timedelta(days=1)


def test_looking_twice_adopts_once(look: Callable[[], OrphanScan], jobs: Jobs, rows: Rows, clock: VirtualClock) -> None:
    jobs.provider.on_list(listing(listed(clock, "stray"), listed(clock, "stray")))
    jobs.provider.on_query(succeeded())

    assert len(look().orphans) == 1
    assert look().orphans == []
    assert len(adopted(rows)) == 1
    with rows.sessions.begin() as session:
        assert adopted_since(session, rows.account(), clock.at(0)) == 1
        assert adopted_since(session, rows.account(), clock.at(3600)) == 0


def test_what_another_account_binds_meanwhile_is_no_orphan(context: Context, jobs: Jobs, rows: Rows) -> None:
    account, theirs = rows.account(), jobs.rendering()
    stray = Orphan("late", MODEL, "SUCCEEDED", account.base_url, created_at=None)

    def bind() -> Answer:
        at_another_account(rows, theirs)
        rows.change(ProviderTask, ProviderTask.job_id == theirs, provider_task_id=stray.provider_task_id)
        return succeeded()

    jobs.provider.on_query(bind)

    assert (adopt_orphan(context, account, stray).job_id, adopted(rows)) == (None, [])


def test_two_looks_at_a_time_adopt_once(own_jobs: Jobs, clock: VirtualClock) -> None:
    dispatch(own_jobs.context)
    own_jobs.provider.on_list(listing(*(listed(clock, f"stray-{number}") for number in range(4))))
    own_jobs.provider.on_query(succeeded())
    clock.advance(600)

    with ThreadPoolExecutor(4) as pool:
        looks = list(pool.map(lambda _: scan_for_orphans(own_jobs.context), range(4)))

    done = [orphan.job_id for (found,) in looks for orphan in found.orphans if orphan.job_id]
    assert len(done) == len(adopted(Rows(own_jobs.context.sessions))) == 4
    assert broken(Rows(own_jobs.context.sessions)) == []


@pytest.mark.parametrize("status", ["FAILED", "CANCELED"])
def test_what_costs_nothing_is_only_counted(
    look: Callable[[], OrphanScan], jobs: Jobs, rows: Rows, clock: VirtualClock, status: str
) -> None:
    jobs.provider.on_list(listing(listed(clock, "stray", status)))

    found = look()

    assert (found.unbilled, found.orphans, adopted(rows)) == (1, [], [])


def test_a_task_that_still_renders_is_reported_and_adopted_at_its_end(
    look: Callable[[], OrphanScan], jobs: Jobs, rows: Rows, clock: VirtualClock
) -> None:
    jobs.provider.on_list(listing(listed(clock, "stray", "RUNNING")), listing(listed(clock, "stray")))
    jobs.provider.on_query(succeeded())

    (orphan,) = look().orphans
    assert (orphan.job_id, rows.account().orphan_task_ids) == (None, ["stray"])

    look()
    assert (len(adopted(rows)), rows.account().orphan_task_ids) == (1, [])


def test_report_only_says_so(context: Context, jobs: Jobs, rows: Rows, clock: VirtualClock) -> None:
    only_report = context.settings.provider.model_copy(update={"orphans": "report"})
    context = replace(context, settings=replace(context.settings, provider=only_report))
    dispatch(context)
    jobs.provider.on_list(listing(listed(clock, "stray")))
    clock.advance(600)

    (found,) = scan_for_orphans(context)

    assert ([orphan.provider_task_id for orphan in found.orphans], adopted(rows)) == (["stray"], [])
    assert rows.account().orphan_task_ids == ["stray"]


def test_a_task_of_ours_is_no_orphan(
    look: Callable[[], OrphanScan], jobs: Jobs, rows: Rows, clock: VirtualClock
) -> None:
    ours = rows.tasks(jobs.rendering())[0].provider_task_id
    jobs.provider.on_list(listing(listed(clock, ours, "RUNNING")))

    assert look().orphans == []


@pytest.mark.parametrize("said", [httpx.ReadError("cut"), Killed()], ids=["ambiguous", "sent"])
def test_what_may_be_an_undecided_attempts_is_left_to_reconciliation(
    look: Callable[[], OrphanScan], jobs: Jobs, rows: Rows, clock: VirtualClock, said: BaseException
) -> None:
    jobs.provider.on_submit(said)
    hint = jobs.admitted()
    try:
        jobs.submit(hint)
    except Killed:
        assert rows.attempts(hint.job_id)[0].state is AttemptState.SENT
    jobs.provider.on_list(listing(listed(clock, "perhaps")))

    found = look()

    assert (found.undecided, found.orphans, adopted(rows)) == (1, [], [])


def test_a_task_of_another_time_is_nobodys_in_spite_of_a_doubt(
    look: Callable[[], OrphanScan], jobs: Jobs, rows: Rows, clock: VirtualClock
) -> None:
    old = listed(clock, "stray")
    clock.advance(4000)  # more than a clock that no task has told yet may be off
    jobs.provider.on_submit(httpx.ReadError("cut"))
    jobs.rendering()
    jobs.provider.on_list(listing(old))
    jobs.provider.on_query(succeeded())

    assert len(look().orphans) == 1


def test_a_task_that_was_just_made_is_left_for_the_next_time(
    look: Callable[[], OrphanScan], jobs: Jobs, clock: VirtualClock
) -> None:
    young = int(clock.now().timestamp() * 1000) + 590_000
    jobs.provider.on_list(listing(listed(clock, "stray", gmt_create=young)))

    assert look().undecided == 1


def test_a_list_that_cannot_be_read_is_said(look: Callable[[], OrphanScan], jobs: Jobs, rows: Rows) -> None:
    jobs.provider.on_list(refused(403, "AccessDenied"))

    assert "AccessDenied" in str(look().problem)
    assert rows.account().orphans_seen_at is None


def test_a_paused_account_is_looked_at(
    look: Callable[[], OrphanScan], jobs: Jobs, rows: Rows, clock: VirtualClock
) -> None:
    rows.change(Account, paused_at=clock.now(), paused_reason="Arrearage")
    jobs.provider.on_list(listing(listed(clock, "stray")))
    jobs.provider.on_query(succeeded())

    assert len(look().orphans) == 1


def test_an_orphan_without_a_url_is_paid_and_waits_for_one(
    look: Callable[[], OrphanScan], jobs: Jobs, rows: Rows, clock: VirtualClock
) -> None:
    jobs.provider.on_list(listing(listed(clock, "stranger")))
    jobs.provider.on_query(task("SUCCEEDED", usage={"duration": 4, "SR": 720}))

    look()

    (job,) = adopted(rows)
    assert (job.state, job.next_archive_at, rows.spent(job.id)) == (RenderState.ARCHIVING, clock.now(), Decimal("0.40"))
    assert broken(rows) == []
    jobs.provider.on_query(succeeded())
    archive_render_job(jobs.context, job.id)
    assert rows.tasks(job.id)[0].result_url == RESULT_URL


def test_an_orphan_without_usage_is_asked_for_it_as_any_other_result(
    look: Callable[[], OrphanScan], jobs: Jobs, rows: Rows, clock: VirtualClock
) -> None:
    jobs.provider.on_list(listing(listed(clock, "stranger")))
    jobs.provider.on_query(task("SUCCEEDED", video_url=RESULT_URL))

    look()

    (job,) = adopted(rows)
    assert job.next_poll_at == clock.now() + timedelta(seconds=60)
    assert [entry.kind for entry in rows.entries(job.id)] == [EntryKind.WRITE_OFF]
    assert broken(rows) == []
    jobs.poll(succeeded())
    assert (rows.job(job.id).next_poll_at, rows.spent(job.id)) == (None, Decimal("0.50"))
    assert (rows.state(job.id), broken(rows)) == (RenderState.ARCHIVING, [])


@pytest.mark.parametrize("url", [{"video_url": RESULT_URL}, {}], ids=["with a URL", "without"])
def test_a_late_success_without_usage_is_asked_for_it_as_any_other_result(
    look: Callable[[], OrphanScan], jobs: Jobs, rows: Rows, clock: VirtualClock, url: dict[str, str]
) -> None:
    job_id = _lost(jobs, rows)
    task_id = rows.tasks(job_id)[0].provider_task_id
    clock.advance(2 * 3600)  # its write-off is older than usage is asked for
    jobs.provider.on_list(listing(listed(clock, task_id)))
    jobs.provider.on_query(task("SUCCEEDED", **url))

    look()

    assert (rows.job(job_id).next_poll_at, rows.spent(job_id)) == (clock.now() + timedelta(seconds=60), Decimal("0.50"))
    assert broken(rows) == []
    jobs.poll(task("SUCCEEDED", video_url=RESULT_URL, usage={"duration": 4, "SR": 720}))
    assert rows.spent(job_id) == Decimal("0.40")
    assert (rows.state(job_id), broken(rows)) == (RenderState.LOST, [])


def test_a_lost_task_that_succeeded_after_all_is_settled_and_collected(
    look: Callable[[], OrphanScan], jobs: Jobs, rows: Rows, clock: VirtualClock
) -> None:
    job_id = _lost(jobs, rows)
    task_id = rows.tasks(job_id)[0].provider_task_id
    assert rows.spent(job_id) == Decimal("0.50")  # written off
    jobs.provider.on_list(listing(listed(clock, task_id)))
    jobs.provider.on_query(task("SUCCEEDED", video_url="https://r.test/1.mp4", usage={"duration": 4, "SR": 720}))

    assert look().settled == 1

    assert rows.spent(job_id) == Decimal("0.40")
    assert rows.state(job_id) is RenderState.LOST
    assert (rows.job(job_id).next_archive_at, jobs.hints.fetches) == (clock.now(), [job_id])
    assert broken(rows) == []


def test_a_write_off_by_hand_is_taken_back_by_its_orphan(
    look: Callable[[], OrphanScan], jobs: Jobs, rows: Rows, clock: VirtualClock
) -> None:
    jobs.provider.on_submit(httpx.ReadError("cut"))
    job_id = jobs.rendering()
    made = listed(clock, "late")
    jobs.provider.on_list(refused(403, "AccessDenied"))
    clock.advance(7200)
    reconcile_attempt(jobs.context, rows.attempts(job_id)[0].id)
    with rows.sessions.begin() as session:
        write_off(session, job_id, now=clock.now())
    jobs.provider.on_list(listing(made))
    jobs.provider.on_query(succeeded())

    assert len(look().orphans) == 1

    assert (rows.spent(job_id), rows.spent(adopted(rows)[0].id)) == (0, Decimal("0.50"))
    assert broken(rows) == []


def test_a_list_of_the_day_is_asked_for(look: Callable[[], OrphanScan], jobs: Jobs, clock: VirtualClock) -> None:
    look()
    look()  # by now the provider's clock is known

    query = jobs.provider.requests[-1].url.params
    assert "model_name" not in query
    until = clock.now() + timedelta(hours=8, minutes=2)  # Beijing time, and its clock may be ahead
    assert query["end_time"] == until.strftime("%Y%m%d%H%M%S")
    assert query["start_time"] == (until - timedelta(days=1)).strftime("%Y%m%d%H%M%S")


def _lost(jobs: Jobs, rows: Rows) -> UUID:
    job_id = jobs.rendering()
    jobs.clock.advance(jobs.context.settings.poll.unknown_seconds)
    while rows.state(job_id) is RenderState.RENDERING:
        jobs.poll(task("UNKNOWN"))
    return job_id
