"""No job is admitted that could exceed a cap above its campaign."""

from __future__ import annotations

import json
import random
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from pathlib import Path

import pytest
import structlog
from alembic import command
from alembic.config import Config
from sqlalchemy import Engine, delete, func, select, update

from models import Campaign, CapPeriod, DailySpending, EntryKind, LedgerEntry, ProviderTask, RenderJob, SpendingCap
from models.ledger_entry import SPENT_KINDS
from models.operations.campaigns.holds import holds_of
from models.operations.money.caps import Caps
from models.operations.money.ledger import post_charges, write_off_of
from models.operations.money.slot_reservations import release_slot
from models.tenant import ensure_tenant
from tests.support.commands import Run
from tests.support.jobs import Jobs
from tests.support.rows import Rows
from workers.audit.invariants import audit
from workers.dispatch.dispatcher import dispatch

CLIP = Decimal("0.50")
"""Five seconds at 720P."""


def cap(
    jobs: Jobs, amount: str, *, tenant: str | None = None, period: CapPeriod = CapPeriod.DAY, **more: object
) -> None:
    """Set a cap."""
    with jobs.context.sessions.begin() as session:
        tenant_id = None if tenant is None else ensure_tenant(session, tenant)
        facts = {"tenant_id": tenant_id, "period": period, "amount": Decimal(amount), "currency": "USD"}
        session.add(SpendingCap(**facts | more))


def used(jobs: Jobs) -> Decimal:
    """What is spent and reserved in all."""
    with jobs.context.sessions() as session:
        found = Caps.open(session, jobs.clock.now())
        return found.used(found.caps[0])


def admitted(jobs: Jobs) -> int:
    return len(dispatch(jobs.context))  # with the gate, which closes where time was advanced


def test_what_may_exceed_a_cap_waits(jobs: Jobs) -> None:
    cap(jobs, "1.20")
    for _ in range(4):
        jobs.queued()

    assert (admitted(jobs), admitted(jobs)) == (2, 0)
    assert used(jobs) == 2 * CLIP


def test_a_cap_covers_what_was_paid(jobs: Jobs) -> None:
    cap(jobs, "1.00")
    jobs.archiving()
    assert used(jobs) == CLIP
    for _ in range(3):
        jobs.queued()

    assert admitted(jobs) == 1


@pytest.mark.parametrize(
    ("period", "later"),
    [(CapPeriod.DAY, datetime(2026, 11, 24, tzinfo=UTC)), (CapPeriod.MONTH, datetime(2026, 12, 1, tzinfo=UTC))],
)
def test_a_new_period_begins_with_an_empty_cap(jobs: Jobs, period: CapPeriod, later: datetime) -> None:
    cap(jobs, "0.50", period=period)
    jobs.archiving()
    jobs.queued()
    jobs.clock.time = later - timedelta(seconds=1)
    assert admitted(jobs) == 0

    jobs.clock.time = later

    assert admitted(jobs) == 1


def test_what_is_reserved_counts_in_the_new_period_too(jobs: Jobs) -> None:
    cap(jobs, "0.50")
    jobs.rendering()
    jobs.queued()

    jobs.clock.advance(86_400)
    assert admitted(jobs) == 0

    with jobs.context.sessions.begin() as session:
        session.execute(update(SpendingCap).values(amount=2 * CLIP))
    assert admitted(jobs) == 1


def taken_back(jobs: Jobs, *, after_seconds: float) -> Decimal:
    """A clip that was written off, and billed later for less; gives its bill."""
    job_id = jobs.rendering()
    with jobs.context.sessions.begin() as session:
        slot = release_slot(session, job_id, now=jobs.clock.now())
        assert slot is not None
        written_off = write_off_of(slot)
        post_charges(session, [written_off], now=jobs.clock.now())
    jobs.clock.advance(after_seconds)
    with jobs.context.sessions.begin() as session:
        task = session.scalars(select(ProviderTask)).one()
        bill = replace(written_off, kind=EntryKind.SETTLE, provider_task_id=task.id, amount=Decimal("0.40"))
        post_charges(session, [bill], now=jobs.clock.now())
        assert sum(session.scalars(select(LedgerEntry.amount).where(LedgerEntry.kind.in_(SPENT_KINDS)))) == bill.amount
    return Decimal("0.40")


def wrong_days(jobs: Jobs) -> list[dict[str, object]]:
    """Where the days do not add up to the ledger."""
    with jobs.context.sessions.begin() as session:
        found = {finding.check.name: finding.rows for finding in audit(session)}
    return found["daily_spending_is_the_ledgers"]


@pytest.mark.parametrize(("period", "later"), [(CapPeriod.DAY, 86_400), (CapPeriod.MONTH, 10 * 86_400)])
def test_what_an_earlier_period_is_given_back_does_not_widen_a_cap(jobs: Jobs, period: CapPeriod, later: float) -> None:
    cap(jobs, "0.50", period=period)

    bill = taken_back(jobs, after_seconds=later)

    assert used(jobs) == bill
    assert wrong_days(jobs) == []


def test_days_are_moved_with_the_rule_about_what_is_given_back(own_jobs: Jobs, database_url: str) -> None:
    taken_back(own_jobs, after_seconds=86_400)
    config = Config(Path(__file__).parents[3] / "alembic.ini")
    config.attributes["database_url"] = database_url

    command.downgrade(config, "text_metadata_index")
    with own_jobs.context.sessions() as session:
        before = list(session.scalars(select(DailySpending.amount).order_by(DailySpending.day)))
    command.upgrade(config, "head")

    assert before == [CLIP, Decimal("-0.10")]
    assert wrong_days(own_jobs) == []


def test_a_cap_of_a_tenant_stops_nobody_else(jobs: Jobs) -> None:
    cap(jobs, "0.50", tenant="big")
    for tenant in ("big", "big", "small", "small"):
        jobs.queued(tenant=tenant)

    assert admitted(jobs) == 3


def test_a_cap_of_an_account_holds_its_jobs(jobs: Jobs, rows: Rows) -> None:
    cap(jobs, "0.50", account_id=rows.account().id)
    for _ in range(2):
        jobs.queued()

    assert admitted(jobs) == 1


def test_a_cap_of_another_currency_covers_nothing(jobs: Jobs) -> None:
    cap(jobs, "0", currency="CNY")
    jobs.queued()

    assert admitted(jobs) == 1


def test_a_job_without_a_price_waits_for_every_cap(jobs: Jobs) -> None:
    jobs.queued(raw={"parameters": {"unheard_of": 1}})
    cap(jobs, "1000")
    assert admitted(jobs) == 0

    with jobs.context.sessions.begin() as session:
        session.execute(delete(SpendingCap))
    assert admitted(jobs) == 1


def test_a_campaign_says_which_cap_holds_it(jobs: Jobs, rows: Rows) -> None:
    cap(jobs, "0.40", tenant="acme")
    job_id = jobs.queued(tenant="acme")
    dispatch(jobs.context)

    with rows.sessions() as session:
        campaign = session.get_one(Campaign, session.get_one(RenderJob, job_id).campaign_id)
        (hold,) = holds_of(session, campaign, now=jobs.clock.now())

    assert hold.is_blocking
    assert "the spending cap of 0.40 USD a day for tenant acme has no room for the next clip" in hold.reason


def test_a_cap_of_another_currency_is_no_reason_for_a_hold(jobs: Jobs, rows: Rows) -> None:
    cap(jobs, "0.40", currency="CNY")
    job_id = jobs.queued()

    with rows.sessions() as session:
        campaign = session.get_one(Campaign, session.get_one(RenderJob, job_id).campaign_id)

        assert holds_of(session, campaign, now=jobs.clock.now()) == []


def test_each_threshold_is_reported_once_in_a_period(jobs: Jobs) -> None:
    cap(jobs, "2.00")
    with structlog.testing.capture_logs() as logs:
        for _ in range(4):
            jobs.queued()
            dispatch(jobs.context)
        jobs.clock.advance(1)
        dispatch(jobs.context)

    assert [log["percent"] for log in logs if log["event"] == "cap.reached"] == [50, 100]


def test_fifty_dispatchers_at_once_keep_every_cap(own_jobs: Jobs) -> None:
    chance = random.Random(7)  # noqa: S311 -- a plan
    tenants = ("a", "b", "c")
    for _ in range(40):
        own_jobs.queued(tenant=chance.choice(tenants))
    cap(own_jobs, "2.10")
    cap(own_jobs, "1.00", tenant="a")
    cap(own_jobs, "0.90", tenant="b", period=CapPeriod.MONTH)

    with ThreadPoolExecutor(50) as dispatchers:
        found = [one for many in dispatchers.map(lambda _: dispatch(own_jobs.context), range(50)) for one in many]

    assert len(found) == 4
    with own_jobs.context.sessions.begin() as session:
        caps = Caps.open(session, own_jobs.clock.now())
        assert [one for one in caps.caps if caps.used(one) > one.amount] == []
        assert sum(caps.used(one) for one in caps.caps if one.tenant_id is None) == 4 * CLIP
        assert [finding for finding in audit(session) if finding.is_broken] == []


def test_days_add_up_to_the_ledger_whoever_enters_it(jobs: Jobs, rows: Rows) -> None:
    jobs.archiving()
    jobs.archiving(tenant="acme")

    with rows.sessions() as session:
        ledger = session.scalars(select(func.sum(LedgerEntry.amount)).where(LedgerEntry.kind == EntryKind.SETTLE)).one()
        assert session.scalars(select(func.sum(DailySpending.amount))).one() == ledger == 2 * CLIP
        assert session.scalars(select(func.count()).select_from(DailySpending)).one() == 2


def test_the_command_sets_shows_and_removes_caps(run: Run, own_engine: Engine) -> None:
    assert run("caps", "set", "100 USD", "--per", "day").exit_code == 0
    assert run("caps", "set", "90 USD", "--per", "day").exit_code == 0

    (line,) = [json.loads(text) for text in run("caps", "list", "--json").out.splitlines()]
    assert (line["cap"], line["used"], line["tenant"], line["per"]) == ("90", "0", None, "day")
    assert "all     all      day" in run("caps", "list").out

    with own_engine.connect() as dispatcher:
        dispatcher.execute(select(SpendingCap.id).with_for_update())
        assert run("caps", "list").exit_code == 0  # it waits for no lock, and holds none

    assert "is removed" in run("caps", "remove", "USD", "--per", "day").out
    assert run("caps", "list", "--json").out == ""


@pytest.mark.parametrize(
    ("words", "says"),
    [
        (("set", "100", "--per", "day"), "an amount and a currency such as 120.50 USD"),
        (("set", "100 USD", "--per", "week"), "'week' is not one of"),
        (("set", "100 USD", "--per", "day", "--tenant", "nobody"), "there is no tenant named nobody"),
        (("set", "100 USD", "--per", "day", "--account", "none"), "there is no account named none"),
        (("remove", "USD", "--per", "day"), "there is no cap in USD a day of that scope"),
    ],
)
def test_a_wrong_cap_is_refused_by_name(run: Run, words: tuple[str, ...], says: str) -> None:
    ended = run("caps", *words)

    assert ended.exit_code != 0
    assert says in " ".join(ended.err.replace("│", " ").split())
