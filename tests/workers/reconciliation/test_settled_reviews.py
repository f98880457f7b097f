"""What the ledger says once a review is settled: each task that the provider bills is entered once, in any order."""

from __future__ import annotations

import contextlib
from datetime import timedelta
from decimal import Decimal
from pathlib import Path
from uuid import UUID

import pytest
from sqlalchemy import select

from models import Campaign, FoundTask, LedgerEntry, RenderJob
from models.ledger_entry import SPENT_KINDS
from reelqueue.states import RenderState
from tests.support.doubts import Doubts, row
from tests.support.jobs import PROMPT
from tests.support.rows import Rows
from tests.support.sample_videos import make_clip
from tests.support.scripted_provider import Killed, listing, succeeded, task
from tests.support.virtual_clock import VirtualClock
from workers.archive import found_files
from workers.archive.archive_result import archive_render_job
from workers.archive.download import Download
from workers.archive.found_files import keep_found_file
from workers.audit.invariants import audit
from workers.audit.provider import OWNED, audit_provider
from workers.dashscope import Acceptance
from workers.operator import manual_review as review
from workers.orphans.scan import scan_for_orphans
from workers.runtime.context import Context
from workers.submission.submit import bind
from workers.sweep.sweep import sweep

PRICE = Decimal("0.50")
"""Of the clip that a test asks for, which is also what is reserved for it."""


@pytest.fixture(autouse=True)
def result_files(monkeypatch: pytest.MonkeyPatch) -> None:
    """Every result that is kept for a review is a clip."""

    def fetch(_url: str, path: Path, **_: object) -> Download:
        path.write_bytes(make_clip())
        return Download.of(path)

    monkeypatch.setattr(found_files, "fetch", fetch)


@pytest.fixture
def parked(doubts: Doubts, clock: VirtualClock) -> list[UUID]:
    """Two jobs of one prompt and other seeds, under review, one task of which has ended and was noted."""
    made_ms = int(clock.now().timestamp() * 1000)
    job_ids = [doubts.ambiguous(seed=1), doubts.ambiguous(seed=2)]
    doubts.lists(one=PROMPT)
    doubts.provider.on_list(listing(row("one", status="SUCCEEDED", gmt_create=made_ms)))
    for job_id in job_ids:
        _set_aside(doubts, job_id)
    scan_for_orphans(doubts.context)
    return job_ids


def _set_aside(doubts: Doubts, job_id: UUID) -> None:
    doubts.give_up(job_id)
    assert doubts.rows.state(job_id) is RenderState.NEEDS_REVIEW


def _write_off(context: Context, job_id: UUID) -> None:
    with context.sessions.begin() as session:
        review.write_off(session, job_id, now=context.clock.now(session))


def _orphans(rows: Rows) -> list[RenderJob]:
    with rows.sessions.begin() as session:
        query = select(RenderJob).join(Campaign, Campaign.id == RenderJob.campaign_id)
        return list(session.scalars(query.where(Campaign.name == "orphans")))


def _total(rows: Rows) -> Decimal:
    """Everything that is spent."""
    with rows.sessions.begin() as session:
        amounts = session.scalars(select(LedgerEntry.amount).where(LedgerEntry.kind.in_(SPENT_KINDS)))
        return sum((one for one in amounts if one is not None), Decimal(0))


def _broken(rows: Rows) -> list[str]:
    with rows.sessions.begin() as session:
        return [finding.check.name for finding in audit(session) if finding.rows]


def _forget(doubts: Doubts, clock: VirtualClock) -> None:
    """A day later the provider knows nothing of what it made."""
    clock.advance(30 * 3600)
    doubts.provider.on_list(listing())
    doubts.provider.on_query(task("UNKNOWN"), task_id="one")


def test_a_noted_task_that_no_job_took_becomes_an_orphan_when_the_provider_has_forgotten_it(
    parked: list[UUID], doubts: Doubts, context: Context, rows: Rows, clock: VirtualClock
) -> None:
    sweep(context)
    assert [keep_found_file(context, one) for one in doubts.jobs.hints.kept] == ["kept under-review/default/one.mp4"]
    _forget(doubts, clock)
    for job_id in parked:
        _write_off(context, job_id)

    (look,) = scan_for_orphans(context)

    (orphan,) = _orphans(rows)
    assert [one.job_id for one in look.orphans] == [orphan.id]
    assert rows.spent(orphan.id) == PRICE
    archive_render_job(context, orphan.id)
    assert rows.state(orphan.id) is RenderState.SUCCEEDED
    assert _broken(rows) == []


def test_it_is_adopted_once(
    parked: list[UUID], doubts: Doubts, context: Context, rows: Rows, clock: VirtualClock
) -> None:
    _forget(doubts, clock)
    for job_id in parked:
        _write_off(context, job_id)

    looks = [scan_for_orphans(context)[0] for _ in range(2)]

    assert [len(look.orphans) for look in looks] == [1, 0]
    assert len(_orphans(rows)) == 1


def test_a_noted_task_is_no_orphan_while_a_job_under_review_may_have_made_it(
    parked: list[UUID], doubts: Doubts, context: Context, rows: Rows, clock: VirtualClock
) -> None:
    _forget(doubts, clock)
    _write_off(context, parked[0])

    scan_for_orphans(context)

    assert _orphans(rows) == []


def test_a_noted_task_that_a_job_took_is_no_orphan(
    parked: list[UUID], doubts: Doubts, context: Context, rows: Rows, clock: VirtualClock
) -> None:
    _forget(doubts, clock)
    with context.sessions.begin() as session:
        now = context.clock.now(session)
        review.adopt(session, parked[0], "one", now=now)
        review.apply_found(session, parked[0], "one", context.settings, now=now)
    _write_off(context, parked[1])

    scan_for_orphans(context)

    assert (_orphans(rows), rows.spent(parked[0])) == ([], PRICE)
    assert _broken(rows) == []


def test_what_a_task_said_at_its_end_is_not_replaced_when_the_provider_forgets_it(
    doubts: Doubts, context: Context, rows: Rows, clock: VirtualClock
) -> None:
    job_id = doubts.ambiguous(seed=1)
    doubts.ambiguous(seed=2)
    made_ms = int(clock.now().timestamp() * 1000)
    doubts.provider.on_list(listing(row("one", status="SUCCEEDED", gmt_create=made_ms)))
    doubts.provider.on_query(task("SUCCEEDED"), task_id="one")  # without a URL, so that it is asked again
    _set_aside(doubts, job_id)
    scan_for_orphans(context)

    doubts.provider.on_query(task("UNKNOWN"), task_id="one")
    scan_for_orphans(context)

    with rows.sessions.begin() as session:
        assert session.scalars(select(FoundTask.status)).one() == "SUCCEEDED"


def test_the_comparison_names_a_noted_task_that_belongs_to_no_job(
    parked: list[UUID], doubts: Doubts, context: Context, clock: VirtualClock
) -> None:
    _forget(doubts, clock)
    for job_id in parked:
        _write_off(context, job_id)

    found = {finding.check.name: finding.rows for finding in audit_provider(context)}
    scan_for_orphans(context)
    then = {finding.check.name: finding.rows for finding in audit_provider(context)}

    assert [one["provider_task_id"] for one in found[OWNED.name]] == ["one"]
    assert then[OWNED.name] == []


def test_a_write_off_is_taken_back_when_its_task_turns_up(parked: list[UUID], context: Context, rows: Rows) -> None:
    for job_id in parked:
        _write_off(context, job_id)
    assert _total(rows) == 2 * PRICE

    scan_for_orphans(context)

    (orphan,) = _orphans(rows)
    # One of the two: nothing tells which, and the other may have made a task as well.
    assert sorted(rows.spent(job_id) for job_id in parked) == [0, PRICE]
    assert _total(rows) == 2 * PRICE
    (told,) = [event for job_id in parked for event in rows.events(job_id, "write_off_taken_back")]
    assert told.detail == {"provider_task_id": "one", "job_id": str(orphan.id)}
    assert _broken(rows) == []


def test_a_write_off_stays_beside_a_task_of_another_prompt(
    parked: list[UUID], doubts: Doubts, context: Context, rows: Rows
) -> None:
    doubts.provider.on_query(succeeded(orig_prompt="another program's"), task_id="one")
    for job_id in parked:
        _write_off(context, job_id)

    scan_for_orphans(context)

    assert _total(rows) == 3 * PRICE


def test_the_budget_gets_back_what_was_written_off(parked: list[UUID], context: Context, rows: Rows) -> None:
    campaign_id = rows.job(parked[0]).campaign_id
    rows.change(
        Campaign, Campaign.id == campaign_id, budget_amount=Decimal(10), budget_currency="USD", spent_amount=Decimal(0)
    )
    for job_id in parked:
        _write_off(context, job_id)

    scan_for_orphans(context)

    with rows.sessions.begin() as session:
        assert session.get_one(Campaign, campaign_id).spent_amount == PRICE
    assert _broken(rows) == []


def test_an_answer_after_the_write_off_is_billed_once(
    doubts: Doubts, context: Context, rows: Rows, clock: VirtualClock
) -> None:
    claim = doubts.in_flight()
    made_ms = int(clock.now().timestamp() * 1000)
    clock.advance(3600)
    doubts.lists()
    rows.change(RenderJob, RenderJob.id == claim.job_id, state=RenderState.NEEDS_REVIEW)
    _write_off(context, claim.job_id)
    bind(context, claim, Acceptance("late", "PENDING", None))
    doubts.lists(late=PROMPT)
    doubts.provider.on_list(listing(row("late", status="SUCCEEDED", gmt_create=made_ms)))

    scan_for_orphans(context)

    assert (rows.spent(claim.job_id), _total(rows)) == (PRICE, PRICE)


def test_a_job_in_quarantine_that_is_written_off_is_billed_once(
    doubts: Doubts, context: Context, rows: Rows, clock: VirtualClock
) -> None:
    made_ms = int(clock.now().timestamp() * 1000)
    job_id = doubts.jobs.rendering(poll_timeout_ms=24 * 3600 * 1000)
    (mine,) = rows.tasks(job_id)
    doubts.provider.on_query(Killed())
    for _ in range(20):
        with contextlib.suppress(Killed):
            doubts.jobs.poll(after_seconds=300)
        sweep(context)
    assert rows.state(job_id) is RenderState.NEEDS_REVIEW
    _write_off(context, job_id)
    doubts.lists(**{mine.provider_task_id: PROMPT})
    doubts.provider.on_list(listing(row(mine.provider_task_id, status="SUCCEEDED", gmt_create=made_ms)))

    clock.time += timedelta(minutes=10)
    scan_for_orphans(context)

    assert (rows.spent(job_id), _total(rows)) == (PRICE, PRICE)


def test_the_audit_finds_a_write_off_that_stayed_beside_its_settlement(
    doubts: Doubts, rows: Rows, clock: VirtualClock
) -> None:
    job_id = doubts.jobs.rendering()
    doubts.jobs.poll(succeeded())
    (settled,) = [one for one in rows.entries(job_id) if one.kind == "settle"]

    with rows.sessions.begin() as session:
        session.add(
            LedgerEntry(
                at=clock.now(), kind="write_off", campaign_id=settled.campaign_id, job_id=job_id,
                account_id=settled.account_id, amount=PRICE, currency="USD",
            )
        )  # fmt: skip

    assert _broken(rows) == ["write_off_ends_with_the_bill"]
