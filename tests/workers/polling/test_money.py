"""Money: reserved at admission, released or settled once, and never above a budget."""

from __future__ import annotations

import json
import time
from concurrent.futures import ThreadPoolExecutor
from decimal import Decimal
from uuid import UUID

import pytest
from sqlalchemy import select, text
from sqlalchemy.exc import DBAPIError
from sqlalchemy.orm import Session

from models import Account, Campaign, EntryKind, JobReference, LedgerEntry, OnBudget, RenderJob, Slot
from models.operations.money.budget import Budget, BudgetBelowCommitmentsError, set_budget
from models.operations.money.ledger import LedgerCharge, post_charges
from models.operations.money.slot_reservations import release_slot
from reelqueue.states import FailureClass, RenderState
from tests.support.jobs import Jobs
from tests.support.rows import Rows
from tests.support.scripted_provider import RESULT_URL, Answer, refused, succeeded, task
from workers.audit.invariants import audit
from workers.dispatch.dispatcher import dispatch
from workers.sweep.sweep import sweep

PRICE = Decimal("0.50")
"""Of five seconds of wan2.6-t2v at 720P in Singapore."""


def kinds(rows: Rows, job_id: UUID) -> list[tuple[EntryKind, Decimal | None]]:
    return [(entry.kind, entry.amount) for entry in rows.entries(job_id)]


def rendered(usage: dict[str, object]) -> Answer:
    return task("SUCCEEDED", video_url=RESULT_URL, usage=usage)


def give_budget(jobs: Jobs, amount: str) -> UUID:
    """A budget for the standing campaign."""
    with jobs.context.sessions.begin() as session:
        campaign_id = session.scalars(select(Campaign.id)).one()
        set_budget(session, campaign_id, Budget(Decimal(amount), "USD"))
        return campaign_id


def campaign(rows: Rows) -> Campaign:
    with rows.sessions.begin() as session:
        return session.scalars(select(Campaign)).one()


def test_the_most_that_a_job_may_cost_is_reserved_with_its_slot(jobs: Jobs, rows: Rows) -> None:
    job_id = jobs.admitted().job_id

    assert kinds(rows, job_id) == [(EntryKind.RESERVE, PRICE)]


def test_a_paid_task_is_settled_by_the_seconds_that_were_billed(jobs: Jobs, rows: Rows) -> None:
    job_id = jobs.rendering()

    jobs.poll(task("SUCCEEDED", video_url="https://results.test/1.mp4", usage={"duration": 4, "SR": 720}))

    settled = rows.entries(job_id)[-1]
    assert kinds(rows, job_id)[1:] == [(EntryKind.RELEASE, -PRICE), (EntryKind.SETTLE, Decimal("0.40"))]
    assert (settled.seconds, settled.currency, settled.provider_task_id) == (4, "USD", rows.tasks(job_id)[0].id)


def test_what_is_billed_at_another_tier_than_was_asked_for_is_settled_at_that_tier(jobs: Jobs, rows: Rows) -> None:
    job_id = jobs.rendering()

    jobs.poll(rendered({"duration": 2, "SR": "1080"}))

    assert kinds(rows, job_id)[-1] == (EntryKind.SETTLE, Decimal("0.30"))


def test_a_silent_video_is_settled_as_one_where_usage_does_not_say(jobs: Jobs, rows: Rows) -> None:
    picture = ["https://media.example/a.png"]
    job_id = jobs.rendering(model="wan2.6-r2v-flash", reference_urls=picture, audio=False)

    jobs.poll(rendered({"duration": 4, "SR": 1080}))

    assert kinds(rows, job_id)[-1] == (EntryKind.SETTLE, Decimal("0.15"))


def test_a_bill_above_the_reservation_raises_an_alarm(jobs: Jobs, rows: Rows) -> None:
    job_id = jobs.rendering()

    jobs.poll(rendered({"duration": 15, "SR": 1080}))

    (alarm,) = rows.events(job_id, "alarm")
    assert alarm.detail["seen"] == "billed 2.25 USD, and 0.50 was reserved"
    with rows.sessions() as session:
        assert [finding.check.name for finding in audit(session) if finding.rows] == ["bill_is_reserved"]


def test_a_bill_above_its_reservation_breaks_no_invariant_for_ever(jobs: Jobs, rows: Rows) -> None:
    jobs.rendering()
    give_budget(jobs, "0.60")

    jobs.poll(rendered({"duration": 15, "SR": 1080}))

    with rows.sessions() as session:
        findings = audit(session)
        assert [finding.check.name for finding in findings if finding.is_broken] == []
        assert [finding.check.name for finding in findings if finding.rows] == ["bill_is_reserved"]
        session.execute(text("UPDATE campaigns SET budget_amount = 0.49"))  # what was spent beyond it otherwise
        assert [finding.check.name for finding in audit(session) if finding.is_broken] == ["budget_is_kept"]


def test_a_row_that_was_stored_with_billed_options_in_raw_is_reserved_as_it_is_sent(jobs: Jobs, rows: Rows) -> None:
    job_id = jobs.queued_before_raw_was_checked({"duration": 15, "size": "1920*1080"}, duration=2)
    dispatch(jobs.context)
    jobs.submit(jobs.hints.submits[-1])

    assert kinds(rows, job_id) == [(EntryKind.RESERVE, Decimal("2.25"))]
    assert json.loads(jobs.provider.requests[-1].content)["parameters"] == {"duration": 15, "size": "1920*1080"}


def test_a_budget_is_not_spent_on_what_raw_makes_of_a_stored_row(jobs: Jobs) -> None:
    jobs.queued_before_raw_was_checked({"duration": 15, "size": "1920*1080"}, duration=2)
    give_budget(jobs, "0.30")

    assert dispatch(jobs.context) == []


def test_a_parameter_without_a_price_stops_a_campaign_with_a_budget(jobs: Jobs, rows: Rows) -> None:
    jobs.queued(raw={"fps": 60})
    give_budget(jobs, "100")

    assert dispatch(jobs.context) == []
    assert "raw sends fps to wan2.6-t2v" in (campaign(rows).paused_reason or "")


def test_what_was_admitted_without_a_reservation_is_not_submitted_under_a_budget(jobs: Jobs, rows: Rows) -> None:
    hint = jobs.admitted()
    # As a version leaves it that cannot read the row, and takes the submit for one that will fail.
    rows.change(Slot, Slot.job_id == hint.job_id, reserved_amount=None, currency=None)
    give_budget(jobs, "0.30")

    jobs.submit(hint)

    assert jobs.provider.count("submit") == 0
    assert (rows.state(hint.job_id), rows.has_slot(hint.job_id)) == (RenderState.QUEUED, False)


def test_what_was_admitted_without_a_price_waits_for_dispatch_once_a_budget_is_set(jobs: Jobs, rows: Rows) -> None:
    hint = jobs.admitted(raw={"fps": 60})
    give_budget(jobs, "0.30")

    jobs.submit(hint)
    jobs.clock.advance(3600)
    dispatch(jobs.context)

    assert jobs.provider.count("submit") == 0
    assert "raw sends fps to wan2.6-t2v" in (campaign(rows).paused_reason or "")


@pytest.mark.parametrize("spoil", ["prompt", "picture"])
def test_a_row_that_cannot_be_read_fails_and_its_campaign_with_a_budget_goes_on(
    jobs: Jobs, rows: Rows, spoil: str
) -> None:
    if spoil == "prompt":
        unreadable = jobs.queued()
        rows.change(RenderJob, RenderJob.id == unreadable, prompt="")
    else:
        unreadable = jobs.queued(model="wan2.6-i2v", resolution="720P", image="https://media.example/a.png")
        rows.change(JobReference, JobReference.job_id == unreadable, url="data:image/png;base64,iVBORw0KGgo")
    other = jobs.queued()
    give_budget(jobs, "100")

    dispatch(jobs.context)
    for hint in jobs.hints.submits:
        jobs.submit(hint)

    failed = rows.job(unreadable)
    assert (failed.state, failed.failure_class) == (RenderState.FAILED, FailureClass.INPUT)
    assert failed.failure_message
    assert (rows.state(other), campaign(rows).paused_reason) == (RenderState.RENDERING, None)
    assert (jobs.provider.count("submit"), rows.has_slot(unreadable), rows.spent(unreadable)) == (1, False, 0)


@pytest.mark.parametrize("status", ["FAILED", "CANCELED"])
def test_what_the_provider_does_not_bill_is_released(jobs: Jobs, rows: Rows, status: str) -> None:
    job_id = jobs.rendering()

    jobs.poll(task(status, code="InvalidParameter"))

    assert kinds(rows, job_id) == [(EntryKind.RESERVE, PRICE), (EntryKind.RELEASE, -PRICE)]


def test_a_refused_submit_releases_its_money(jobs: Jobs, rows: Rows) -> None:
    jobs.provider.on_submit(refused(400, "InvalidParameter"))

    job_id = jobs.rendering()

    assert (kinds(rows, job_id)[-1], rows.has_slot(job_id)) == ((EntryKind.RELEASE, -PRICE), False)


def test_a_task_that_the_provider_forgot_is_written_off(jobs: Jobs, rows: Rows) -> None:
    job_id = jobs.rendering()
    while rows.state(job_id) is RenderState.RENDERING:
        jobs.poll(task("UNKNOWN"))

    assert kinds(rows, job_id)[-1] == (EntryKind.WRITE_OFF, PRICE)


def test_an_unmeasured_bill_is_what_its_own_account_had_reserved(jobs: Jobs, rows: Rows) -> None:
    """Another account had refused it before, in another currency."""
    rows.change(Account, region="cn-beijing")
    jobs.provider.on_submit(refused(400, "Arrearage"))
    job_id = jobs.rendering()
    with rows.sessions.begin() as session:
        first = session.scalars(select(Account)).one()
        second = Account(name="second", base_url=first.base_url, region="ap-southeast-1", key_env=first.key_env)
        session.add(second)
    jobs.clock.advance(60)
    dispatch(jobs.context)
    jobs.submit(jobs.hints.submits[-1])
    reserved = [(e.amount, e.currency) for e in rows.entries(job_id) if e.kind is EntryKind.RESERVE]
    assert reserved == [(Decimal("3.00"), "CNY"), (PRICE, "USD")]

    while rows.job(job_id).next_poll_at is not None:
        jobs.poll(task("SUCCEEDED", video_url=RESULT_URL))

    settled = rows.entries(job_id)[-2]
    assert (settled.kind, settled.amount, settled.currency) == (EntryKind.SETTLE, PRICE, "USD")


def test_a_bill_is_compared_with_what_its_own_account_had_reserved(jobs: Jobs, rows: Rows) -> None:
    job_id = jobs.rendering()
    with rows.sessions.begin() as session:
        reserved = session.scalars(select(LedgerEntry)).one()
        elsewhere = Account(name="second", base_url="https://b.test", region="cn-beijing", key_env="KEY")
        session.add(elsewhere)
        session.flush()
        for kind, amount in [(EntryKind.RESERVE, Decimal(3)), (EntryKind.RELEASE, Decimal(-3))]:
            session.add(
                LedgerEntry(at=reserved.at, kind=kind, campaign_id=reserved.campaign_id, job_id=job_id,
                            account_id=elsewhere.id, amount=amount, currency="CNY")
            )  # fmt: skip

    jobs.poll(rendered({"duration": 15, "SR": 1080}))

    (alarm,) = rows.events(job_id, "alarm")
    assert alarm.detail["seen"] == "billed 2.25 USD, and 0.50 was reserved"
    with rows.sessions() as session:
        assert [finding.check.name for finding in audit(session) if finding.rows] == ["bill_is_reserved"]


def test_a_model_without_a_price_is_rendered_without_a_reservation(jobs: Jobs, rows: Rows) -> None:
    job_id = jobs.admitted(model="some-new-t2v", mode="text-to-video", resolution=None).job_id

    assert kinds(rows, job_id) == [(EntryKind.RESERVE, None)]


def test_admission_stops_at_the_budget(jobs: Jobs, rows: Rows) -> None:
    for _ in range(5):
        jobs.queued()
    give_budget(jobs, "1.70")

    assert len(dispatch(jobs.context)) == 3
    assert campaign(rows).budget_exhausted_at is None  # what is reserved may come back


def test_money_that_comes_back_admits_the_next(jobs: Jobs, rows: Rows) -> None:
    for _ in range(2):
        jobs.queued()
    give_budget(jobs, "0.50")
    dispatch(jobs.context)
    jobs.submit(jobs.hints.submits[-1])
    jobs.poll(task("FAILED", code="InvalidParameter"))

    assert len(dispatch(jobs.context)) == 1


def test_a_budget_that_is_used_up_says_so_until_it_is_raised(jobs: Jobs, rows: Rows) -> None:
    for _ in range(3):
        jobs.queued()
    give_budget(jobs, "0.90")
    dispatch(jobs.context)
    jobs.submit(jobs.hints.submits[-1])
    jobs.poll(succeeded())

    assert dispatch(jobs.context) == []
    assert (campaign(rows).spent_amount, campaign(rows).budget_exhausted_at) == (PRICE, jobs.clock.now())

    give_budget(jobs, "5")
    assert len(dispatch(jobs.context)) == 2


def test_what_the_budget_cannot_pay_for_is_cancelled_where_its_owner_wants_that(jobs: Jobs, rows: Rows) -> None:
    job_id = jobs.queued()
    rows.change(Campaign, Campaign.id == give_budget(jobs, "0.10"), on_budget=OnBudget.CANCEL)
    dispatch(jobs.context)

    sweep(jobs.context)

    assert (rows.state(job_id), rows.job(job_id).failure_code) == (RenderState.CANCELLED, "budget_exhausted")


def test_a_budget_cannot_be_set_below_what_is_committed(jobs: Jobs) -> None:
    jobs.rendering()

    with pytest.raises(BudgetBelowCommitmentsError, match=r"0\.50? USD are spent or reserved"):
        give_budget(jobs, "0.49")


def test_a_campaign_with_a_budget_stops_at_a_job_without_a_price(jobs: Jobs, rows: Rows) -> None:
    job_id = jobs.queued(model="some-new-t2v", mode="text-to-video", resolution=None)
    give_budget(jobs, "100")

    assert dispatch(jobs.context) == []
    assert str(job_id) in (campaign(rows).paused_reason or "")


def test_dispatchers_racing_for_the_last_dollar_do_not_overdraw_it(own_jobs: Jobs) -> None:
    for _ in range(12):
        own_jobs.queued()
    give_budget(own_jobs, "1.20")

    with ThreadPoolExecutor(10) as pool:
        list(pool.map(lambda _: dispatch(own_jobs.context), range(20)))

    with own_jobs.context.sessions.begin() as session:
        assert len(session.scalars(select(Slot)).all()) == 2
        assert [finding for finding in audit(session) if finding.rows] == []


@pytest.mark.parametrize("change", ["UPDATE ledger_entries SET amount = 0", "DELETE FROM ledger_entries"])
def test_the_ledger_refuses_to_be_changed(jobs: Jobs, rows: Rows, change: str) -> None:
    jobs.admitted()

    with pytest.raises(DBAPIError, match="append-only"), rows.sessions.begin() as session:
        session.execute(text(change))


def test_a_fault_of_the_provider_is_submitted_again_and_paid_once(jobs: Jobs, rows: Rows) -> None:
    job_id = jobs.rendering()
    jobs.poll(task("FAILED", code="InternalError"))
    assert (rows.state(job_id), rows.has_slot(job_id)) == (RenderState.QUEUED, False)

    jobs.clock.advance(5)
    dispatch(jobs.context)
    jobs.submit(jobs.hints.submits[-1])
    jobs.poll(succeeded())

    assert (rows.job(job_id).fault_count, len(rows.attempts(job_id)), rows.spent(job_id)) == (1, 2, PRICE)
    with rows.sessions.begin() as session:
        assert [finding for finding in audit(session) if finding.rows] == []


def test_a_bill_that_comes_while_a_budget_is_set_waits_for_it(own_jobs: Jobs) -> None:
    own_jobs.rendering()
    with own_jobs.context.sessions() as owner:
        set_budget(owner, _only(owner), Budget(Decimal(5), "USD"))
        with ThreadPoolExecutor(1) as worker:
            bill = worker.submit(own_jobs.poll, succeeded())
            _wait_until_somebody_waits(owner)
            owner.commit()
            bill.result()

    with own_jobs.context.sessions.begin() as session:
        assert session.scalars(select(Campaign.spent_amount)).one() == PRICE
        assert [finding for finding in audit(session) if finding.rows] == []


def test_a_budget_that_is_set_while_a_bill_comes_counts_it(own_jobs: Jobs) -> None:
    job_id = own_jobs.rendering()
    with own_jobs.context.sessions() as worker:
        slot = release_slot(worker, job_id, now=own_jobs.clock.now())
        assert slot is not None
        bill = LedgerCharge(
            kind=EntryKind.SETTLE, campaign_id=slot.campaign_id, job_id=job_id, account_id=slot.account_id,
            provider_task_id=None, seconds=Decimal(5), amount=PRICE, currency="USD",
        )  # fmt: skip
        post_charges(worker, [bill], now=own_jobs.clock.now())
        with ThreadPoolExecutor(1) as owner:
            budget = owner.submit(give_budget, own_jobs, "5")
            _wait_until_somebody_waits(worker)
            worker.commit()
            budget.result()

    with own_jobs.context.sessions.begin() as session:
        assert session.scalars(select(Campaign.spent_amount)).one() == PRICE


def test_what_is_admitted_while_a_budget_is_set_is_within_it(own_jobs: Jobs) -> None:
    for _ in range(4):
        own_jobs.queued()
    with own_jobs.context.sessions() as owner:
        set_budget(owner, _only(owner), Budget(PRICE, "USD"))
        with ThreadPoolExecutor(1) as worker:
            admitted = worker.submit(dispatch, own_jobs.context)
            _wait_until_somebody_waits(owner)
            owner.commit()
            assert len(admitted.result()) == 1


def _only(session: Session) -> UUID:
    """The standing campaign."""
    return session.scalars(select(Campaign.id)).one()


def _wait_until_somebody_waits(session: Session) -> None:
    """Until another session of this database waits for a lock."""
    waiting = text(
        "SELECT count(*) FROM pg_stat_activity WHERE wait_event_type = 'Lock' AND datname = current_database()"
    )
    give_up_at = time.monotonic() + 30
    while not session.scalar(waiting):
        assert time.monotonic() < give_up_at, "nobody waits: what was to be kept apart went by"
        session.execute(text("SELECT pg_stat_clear_snapshot()"))
        time.sleep(0.01)
