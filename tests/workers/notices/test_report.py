"""What happens to campaigns and to the server is reported once per occurrence, however often it is looked for."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, date, timedelta
from decimal import Decimal
from typing import Any
from uuid import UUID

import pytest
from pydantic import SecretStr
from sqlalchemy import select, update

from models import Account, Campaign, CapPeriod, JobEvent, Notice, RenderJob, SpendingCap, WebhookDelivery
from models.job_event import STORE_FAILED
from models.operations.campaigns.control import approve, resume
from models.operations.campaigns.retry import Which, find_retries, retry_clips
from models.operations.webhooks.endpoints import make_endpoint
from models.tenant import ensure_tenant
from reelqueue.states import RenderState
from tests.support.jobs import Jobs
from tests.support.recorded_hints import RecordedHints
from tests.support.rows import Rows
from tests.support.stored_clips import apply, clip, make_campaign
from workers.dispatch.dispatcher import dispatch
from workers.failpoints import Failpoint
from workers.notices import report
from workers.notices.report import report_notices
from workers.sweep.sweep import sweep

KEY = SecretStr("the server's key, of 32 characters or more")
PROMPT = "a secret fox"
Start = Callable[..., UUID]


@pytest.fixture
def start(jobs: Jobs) -> Start:
    """Starts a campaign of some clips."""

    def store(count: int, **options: Any) -> UUID:
        with jobs.context.sessions.begin() as session:
            campaign = make_campaign(session, **options)
            apply(
                session,
                campaign,
                *(clip(str(number), prompt=f"{PROMPT} {number}", duration=5) for number in range(count)),
            )
            return campaign.id

    return store


def look(jobs: Jobs) -> list[str]:
    """The kinds of what is newly reported."""
    with jobs.context.sessions.begin() as session:
        before = set(session.scalars(select(Notice.id)))
    report_notices(jobs.context)
    with jobs.context.sessions.begin() as session:
        return [one.kind for one in session.scalars(select(Notice).order_by(Notice.id)) if one.id not in before]


def newest(rows: Rows) -> Notice:
    with rows.sessions.begin() as session:
        return session.scalars(select(Notice).order_by(Notice.id.desc())).first()  # type: ignore[return-value]


def end(rows: Rows, jobs: Jobs, *conditions: Any, state: RenderState = RenderState.SUCCEEDED) -> None:
    rows.change(RenderJob, *conditions, state=state, finished_at=jobs.clock.now())


def change(jobs: Jobs, campaign_id: UUID, act: Callable[..., None]) -> None:
    with jobs.context.sessions.begin() as session:
        act(session.get_one(Campaign, campaign_id), now=jobs.clock.now())


def retry(jobs: Jobs, campaign_id: UUID) -> None:
    with jobs.context.sessions.begin() as session:
        found = find_retries(session, campaign_id, Which(states=[RenderState.FAILED]), limit=10)
        retry_clips(session, session.get_one(Campaign, campaign_id), found, now=jobs.clock.now())
        # A test is one transaction, whose time stands still.
        mine = update(RenderJob).where(RenderJob.campaign_id == campaign_id, RenderJob.state == RenderState.QUEUED)
        session.execute(mine.values(created_at=jobs.clock.now()))


def test_nothing_is_reported_where_nothing_happened(jobs: Jobs, start: Start) -> None:
    start(2)
    jobs.queued()

    assert str(report_notices(jobs.context)) == "nothing new"


def test_a_campaign_finishes_once_with_its_numbers(jobs: Jobs, rows: Rows, start: Start) -> None:
    campaign_id = start(3)
    end(rows, jobs)
    end(rows, jobs, RenderJob.custom_id == "1", state=RenderState.MODERATED)

    assert [look(jobs), look(jobs)] == [["campaign.finished"], []]

    notice = newest(rows)
    assert (notice.campaign_id, notice.occurred_at) == (campaign_id, jobs.clock.now())
    assert notice.facts["counts"] == {"succeeded": 2, "moderated": 1}
    assert PROMPT not in str(notice.facts)


def test_a_campaign_that_got_retried_clips_finishes_again(jobs: Jobs, rows: Rows, start: Start) -> None:
    campaign_id = start(2)
    end(rows, jobs, state=RenderState.FAILED)
    rows.change(RenderJob, created_at=jobs.clock.now())
    assert look(jobs) == ["campaign.finished"]

    jobs.clock.advance(60)
    retry(jobs, campaign_id)
    assert look(jobs) == []
    end(rows, jobs, RenderJob.state == RenderState.QUEUED)

    assert look(jobs) == ["campaign.finished"]
    assert newest(rows).facts["counts"] == {"succeeded": 2}


def test_single_jobs_finish_no_campaign(jobs: Jobs, rows: Rows) -> None:
    jobs.queued()
    end(rows, jobs)

    assert look(jobs) == []


def test_a_canary_is_ready_once_and_again_after_a_retry(jobs: Jobs, rows: Rows, start: Start) -> None:
    campaign_id = start(5, canary_count=2)
    dispatch(jobs.context)
    assert look(jobs) == []
    end(rows, jobs, RenderJob.state == RenderState.ADMITTED, state=RenderState.FAILED)

    assert [look(jobs), look(jobs)] == [["campaign.canary_ready"], []]
    assert newest(rows).facts["counts"] == {"failed": 2, "queued": 3}

    jobs.clock.advance(60)
    retry(jobs, campaign_id)
    dispatch(jobs.context)
    assert look(jobs) == []
    end(rows, jobs, RenderJob.state == RenderState.ADMITTED)
    assert [look(jobs), look(jobs)] == [["campaign.canary_ready"], []]


def test_an_approved_canary_is_not_reported(jobs: Jobs, rows: Rows, start: Start) -> None:
    campaign_id = start(5, canary_count=2)
    dispatch(jobs.context)
    end(rows, jobs, RenderJob.state == RenderState.ADMITTED)

    change(jobs, campaign_id, approve)

    assert look(jobs) == []


def test_each_trip_of_a_breaker_is_reported_with_its_reason(jobs: Jobs, rows: Rows, start: Start) -> None:
    campaign_id = start(5, breaker={"failures": 1}, max_in_flight=1)
    end(rows, jobs, RenderJob.custom_id == "0", state=RenderState.FAILED)
    dispatch(jobs.context)
    assert [look(jobs), look(jobs)] == [["campaign.breaker_tripped"], []]
    assert "1 clips failed" in newest(rows).facts["reason"]

    jobs.clock.advance(60)
    change(jobs, campaign_id, resume)
    jobs.clock.advance(60)
    end(rows, jobs, RenderJob.custom_id == "1", state=RenderState.FAILED)
    dispatch(jobs.context)

    assert [look(jobs), look(jobs)] == [["campaign.breaker_tripped"], []]


def test_a_pause_by_its_owner_is_no_trip(jobs: Jobs, rows: Rows, start: Start) -> None:
    start(1, paused_at=jobs.clock.now(), paused_reason="paused by its owner")

    assert look(jobs) == []


def test_each_rise_of_a_price_that_stops_a_campaign_is_reported(jobs: Jobs, rows: Rows, start: Start) -> None:
    reason = "wan2.6-t2v costs 0.12 USD a second and no longer 0.10"
    start(1, paused_at=jobs.clock.now(), repriced_at=jobs.clock.now(), paused_reason=reason)

    assert [look(jobs), look(jobs)] == [["campaign.price_risen"], []]
    assert newest(rows).facts["reason"] == reason
    rows.change(Campaign, Campaign.name == "autumn", repriced_at=jobs.clock.advance(60))
    assert look(jobs) == ["campaign.price_risen"]


@pytest.mark.parametrize(("spent", "percent"), [("4.99", None), ("5.00", 50), ("8.10", 80), ("10.00", 100)])
def test_a_budget_is_reported_by_its_highest_threshold(
    jobs: Jobs, rows: Rows, start: Start, spent: str, percent: int | None
) -> None:
    start(1, budget_amount=Decimal("10.00"), budget_currency="USD", spent_amount=Decimal(spent))

    assert look(jobs) == (["campaign.budget_reached"] if percent else [])
    assert percent is None or newest(rows).facts["percent"] == percent


def test_a_lower_threshold_is_not_reported_after_a_higher_one(jobs: Jobs, rows: Rows, start: Start) -> None:
    start(1, budget_amount=Decimal(10), budget_currency="USD", spent_amount=Decimal(8))
    assert look(jobs) == ["campaign.budget_reached"]

    rows.change(Campaign, Campaign.name == "autumn", spent_amount=Decimal(6))
    assert look(jobs) == []

    rows.change(Campaign, Campaign.name == "autumn", budget_exhausted_at=jobs.clock.now())
    assert look(jobs) == ["campaign.budget_reached"]
    assert newest(rows).facts["percent"] == 100


def test_a_raised_budget_has_thresholds_of_its_own(jobs: Jobs, rows: Rows, start: Start) -> None:
    start(1, budget_amount=Decimal(10), budget_currency="USD", spent_amount=Decimal(10))
    assert look(jobs) == ["campaign.budget_reached"]

    rows.change(Campaign, Campaign.name == "autumn", budget_amount=Decimal("20.00"))

    assert [look(jobs), look(jobs)] == [["campaign.budget_reached"], []]
    assert newest(rows).facts["percent"] == 50


def test_what_is_reserved_counts(jobs: Jobs, rows: Rows, start: Start) -> None:
    start(1, budget_amount=Decimal("0.80"), budget_currency="USD")
    dispatch(jobs.context)

    assert look(jobs) == ["campaign.budget_reached"]


def test_a_review_is_reported_until_it_is_over(jobs: Jobs, rows: Rows, start: Start) -> None:
    start(3)
    rows.change(RenderJob, RenderJob.custom_id == "0", state=RenderState.NEEDS_REVIEW)
    assert look(jobs) == ["campaign.needs_review"]
    rows.change(RenderJob, RenderJob.custom_id == "1", state=RenderState.NEEDS_REVIEW)
    assert look(jobs) == []

    rows.change(RenderJob, state=RenderState.QUEUED)
    assert (look(jobs), newest(rows).ended_at) == ([], jobs.clock.now())

    rows.change(RenderJob, RenderJob.custom_id == "2", state=RenderState.NEEDS_REVIEW)
    assert look(jobs) == ["campaign.needs_review"]


def test_each_pause_of_an_account_is_reported(jobs: Jobs, rows: Rows) -> None:
    dispatch(jobs.context)
    rows.change(Account, paused_at=jobs.clock.now(), paused_reason="Arrearage: overdue")
    assert [look(jobs), look(jobs)] == [["account.paused"], []]
    assert newest(rows).facts == {"account": "default", "reason": "Arrearage: overdue"}

    rows.change(Account, paused_at=jobs.clock.advance(60))
    assert look(jobs) == ["account.paused"]


def test_orphans_are_reported_as_they_are_found(jobs: Jobs, rows: Rows) -> None:
    dispatch(jobs.context)
    rows.change(Account, orphan_task_ids=["t-1", "t-2"], orphans_seen_at=jobs.clock.now())
    assert [look(jobs), look(jobs)] == [["account.orphans_found"], []]

    rows.change(Account, orphan_task_ids=["t-2"])
    assert look(jobs) == []

    rows.change(Account, orphan_task_ids=["t-2", "t-3"])
    assert look(jobs) == ["account.orphans_found"]
    assert newest(rows).facts["task_ids"] == ["t-3"]


def test_an_archive_that_takes_nothing_is_reported_until_it_does(jobs: Jobs, rows: Rows) -> None:
    job_id = jobs.archiving()
    assert look(jobs) == []
    with rows.sessions.begin() as session:
        session.add(JobEvent(job_id=job_id, at=jobs.clock.now(), kind=STORE_FAILED, detail={"reason": "disk full"}))
    assert [look(jobs), look(jobs)] == [["archive.in_trouble"], []]
    assert "disk full" in newest(rows).facts["reason"]

    rows.change(RenderJob, next_archive_at=None)
    look(jobs)

    assert newest(rows).ended_at == jobs.clock.now()


def test_a_cap_is_reported_by_what_dispatch_has_noted(jobs: Jobs, rows: Rows) -> None:
    today: date = jobs.clock.now().astimezone(UTC).date()
    with rows.sessions.begin() as session:
        session.add(SpendingCap(period=CapPeriod.DAY, amount=Decimal(10), currency="USD"))
    assert look(jobs) == []

    rows.change(SpendingCap, reported_percent=50, reported_day=today)
    assert [look(jobs), look(jobs)] == [["cap.reached"], []]
    assert newest(rows).facts == {"cap": "10.00 USD a day in all", "percent": 50, "day": "2026-11-23"}

    rows.change(SpendingCap, exhausted_at=jobs.clock.now())
    assert [look(jobs), look(jobs)] == [["cap.reached"], []]
    assert newest(rows).facts["percent"] == 100

    rows.change(SpendingCap, reported_percent=50, reported_day=today + timedelta(days=1), exhausted_at=None)
    assert look(jobs) == ["cap.reached"]


def listen(jobs: Jobs, tenant: str = "default") -> UUID:
    with jobs.context.sessions.begin() as session:
        url = "https://studio.example/hook"
        return make_endpoint(session, ensure_tenant(session, tenant), url, KEY, now=jobs.clock.now())[0].id


def deliveries(rows: Rows) -> list[WebhookDelivery]:
    with rows.sessions.begin() as session:
        return list(session.scalars(select(WebhookDelivery)))


def test_endpoints_of_the_owner_get_events_of_its_campaigns(
    jobs: Jobs, rows: Rows, hints: RecordedHints, start: Start
) -> None:
    mine, _other = listen(jobs), listen(jobs, "another")
    start(2)
    end(rows, jobs)
    rows.change(Account, paused_at=jobs.clock.now())

    look(jobs)
    look(jobs)

    (delivery,) = deliveries(rows)
    assert (delivery.endpoint_id, delivery.kind) == (mine, "campaign.finished")
    assert hints.notices == [mine]


def test_an_endpoint_that_was_made_later_gets_nothing_of_before(jobs: Jobs, rows: Rows, start: Start) -> None:
    start(2)
    end(rows, jobs)
    jobs.clock.advance(1)
    listen(jobs)

    assert (look(jobs), deliveries(rows)) == (["campaign.finished"], [])


def test_what_is_found_days_later_is_no_news(jobs: Jobs, rows: Rows, start: Start) -> None:
    listen(jobs)
    start(2)
    end(rows, jobs)
    jobs.clock.advance(25 * 3600)

    assert (look(jobs), deliveries(rows)) == (["campaign.finished"], [])


class KilledError(BaseException):
    """The process is gone."""


@pytest.mark.parametrize("name", [Failpoint.REPORTING, Failpoint.REPORTED])
def test_a_worker_that_is_killed_while_it_reports_loses_and_doubles_nothing(
    jobs: Jobs, rows: Rows, start: Start, monkeypatch: pytest.MonkeyPatch, name: Failpoint
) -> None:
    mine = listen(jobs)
    start(2)
    end(rows, jobs)

    def killed(passed: Failpoint) -> None:
        if passed is name:
            raise KilledError

    with monkeypatch.context() as patched:
        patched.setattr(report, "failpoint", killed)
        with pytest.raises(KilledError):
            report_notices(jobs.context)
    report_notices(jobs.context)
    sweep(jobs.context)

    assert [one.kind for one in deliveries(rows)] == ["campaign.finished"]
    assert mine in jobs.hints.notices


def test_two_lookers_at_once_report_it_once(own_jobs: Jobs) -> None:
    with own_jobs.context.sessions.begin() as session:
        apply(session, make_campaign(session), clip("0", duration=5))
    own_rows = Rows(own_jobs.context.sessions)
    end(own_rows, own_jobs)

    with ThreadPoolExecutor(4) as pool:
        found = list(pool.map(lambda _: report_notices(own_jobs.context).new, range(8)))

    assert sum(found) == 1
