"""Statements: what was paid, in groups that add up, beside what was reserved, and nothing unaccounted for."""

from __future__ import annotations

from datetime import date
from decimal import Decimal

import pytest

from models import ProviderTask
from models.operations.money.statement import Scope, make_statement
from models.tenant import ensure_tenant
from reelqueue.schemas.grouping import Grouping
from reelqueue.schemas.statement import Statement, StatementSums
from reelqueue.states import RenderState
from tests.support.jobs import Jobs
from tests.support.rows import Rows
from tests.support.scripted_provider import accepted, listing, succeeded, task
from workers.dispatch.dispatcher import dispatch
from workers.orphans.scan import scan_for_orphans

DAY_SECONDS = 24 * 3600.0


def paid(jobs: Jobs, **options: object) -> None:
    """A clip of five seconds that cost 0.50 USD, unless its options say otherwise."""
    jobs.rendering(**options)
    jobs.poll(succeeded())


def stated(rows: Rows, by: Grouping = Grouping.DAY, scope: Scope | None = None) -> Statement:
    with rows.sessions.begin() as session:
        return make_statement(session, by, scope or Scope())


def by_group(statement: Statement) -> dict[str, tuple[int, Decimal, Decimal]]:
    """Clips, seconds and money of each line."""
    return {line.group: (line.clips, line.seconds, line.amount) for line in statement.lines}


def total(statement: Statement) -> StatementSums:
    (only,) = statement.totals
    return only


@pytest.mark.parametrize(
    ("by", "groups"),
    [
        (Grouping.DAY, {"2026-11-23": 1, "2026-11-24": 1}),
        (Grouping.CAMPAIGN, {"default/default": 2}),
        (Grouping.MODEL, {"wan2.6-t2v": 1, "wan2.7-t2v": 1}),
        (Grouping.ACCOUNT, {"default": 2}),
    ],
)
def test_clips_are_counted_by_group(jobs: Jobs, rows: Rows, by: Grouping, groups: dict[str, int]) -> None:
    paid(jobs)
    jobs.clock.advance(DAY_SECONDS)
    paid(jobs, model="wan2.7-t2v", resolution="720P")

    statement = stated(rows, by)

    assert {line.group: line.clips for line in statement.lines} == groups
    assert (total(statement).clips, total(statement).amount) == (2, Decimal("1.00"))


def test_the_bill_stands_beside_what_was_reserved_for_it(jobs: Jobs, rows: Rows) -> None:
    jobs.rendering()
    jobs.poll(task("SUCCEEDED", video_url="https://r.test/1.mp4", usage={"duration": 4, "SR": 720}))

    sums = total(stated(rows))

    assert (sums.seconds, sums.amount, sums.estimate) == (Decimal(4), Decimal("0.40"), Decimal("0.50"))


def test_a_clip_that_took_two_submits_is_expected_once(jobs: Jobs, rows: Rows) -> None:
    jobs.rendering()
    jobs.poll(task("FAILED", code="InternalError"))
    jobs.clock.advance(5)
    dispatch(jobs.context)
    jobs.submit(jobs.hints.submits[-1])
    jobs.poll(succeeded())

    assert (total(stated(rows)).clips, total(stated(rows)).estimate) == (1, Decimal("0.50"))


def test_what_is_held_now_is_shown(jobs: Jobs, rows: Rows) -> None:
    jobs.rendering()

    sums = total(stated(rows))

    assert (sums.clips, sums.amount, sums.reserved) == (0, 0, Decimal("0.50"))


def test_what_was_written_off_is_shown_until_it_is_settled(jobs: Jobs, rows: Rows) -> None:
    job_id = jobs.rendering()
    while rows.state(job_id) is RenderState.RENDERING:
        jobs.poll(task("UNKNOWN"))
    assert total(stated(rows)).written_off == Decimal("0.50")

    row = {"task_id": rows.tasks(job_id)[0].provider_task_id, "status": "SUCCEEDED", "model_name": "wan2.6-t2v"}
    jobs.provider.on_list(listing(row))
    jobs.provider.on_query(succeeded())
    scan_for_orphans(jobs.context)

    sums = total(stated(rows))
    assert (sums.clips, sums.amount, sums.written_off) == (1, Decimal("0.50"), 0)


def test_a_range_of_days_includes_both_ends(jobs: Jobs, rows: Rows) -> None:
    for _ in range(4):
        paid(jobs)
        jobs.clock.advance(DAY_SECONDS)

    statement = stated(rows, scope=Scope(first_day=date(2026, 11, 24), last_day=date(2026, 11, 25)))

    assert list(by_group(statement)) == ["2026-11-24", "2026-11-25"]


def test_a_tenant_sees_its_own(jobs: Jobs, rows: Rows) -> None:
    paid(jobs)
    with rows.sessions.begin() as session:
        own, other = ensure_tenant(session), ensure_tenant(session, "another")

    assert by_group(stated(rows, Grouping.CAMPAIGN, Scope(own))) == {"default": (1, Decimal(5), Decimal("0.50"))}
    assert stated(rows, Grouping.CAMPAIGN, Scope(other)).lines == []


def test_clips_without_a_price_have_a_line_of_their_own(jobs: Jobs, rows: Rows) -> None:
    paid(jobs)
    jobs.provider.on_submit(accepted("unpriced"))
    paid(jobs, model="some-new-t2v", mode="text-to-video", resolution=None)

    assert [(sums.currency, sums.clips, sums.seconds) for sums in stated(rows).totals] == [
        (None, 1, Decimal(5)),
        ("USD", 1, Decimal(5)),
    ]


def test_every_second_that_was_billed_is_accounted_for(jobs: Jobs, rows: Rows) -> None:
    paid(jobs)
    assert stated(rows).unaccounted_seconds == 0

    rows.change(ProviderTask, billed_seconds=Decimal(7))

    assert stated(rows).unaccounted_seconds == 2
    assert not stated(rows).is_whole


def test_money_is_exact_in_json(jobs: Jobs, rows: Rows) -> None:
    paid(jobs)

    line = stated(rows).model_dump(mode="json")["lines"][0]

    assert Decimal(line["amount"]) == Decimal("0.50")
    assert isinstance(line["amount"], str)
