"""The counts of a campaign are its clips, whichever way these are written."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from decimal import Decimal

import pytest
from alembic import command
from alembic.config import Config
from sqlalchemy import Engine, delete, func, select, text, update
from sqlalchemy.orm import Session

from embedded.servers.postgres import PostgresServer
from models.campaign import Campaign
from models.campaign_count import CampaignCount
from models.campaign_spending import CampaignSpending
from models.operations.campaigns.control import cancel_clips
from models.operations.campaigns.counts import Kind, by_state, counts_by_kind, fold_counts, recount, spent_by_currency
from models.operations.campaigns.retry import Which, find_retries, retry_clips
from models.operations.campaigns.status import campaign_view
from models.operations.jobs.enqueue_many import check_job, enqueue_render_jobs
from models.operations.jobs.transitions import move
from models.render_job import RenderJob
from models.session import make_engine
from models.tenant import ensure_tenant
from reelqueue.requests.parse import parse_request
from reelqueue.states import RenderState
from tests.conftest import ROOT
from tests.support.stored_clips import ENDED_FAILED, RENDERED, apply, clip, end, make_campaign, standing
from tests.support.stored_jobs import NOW, store_job
from tests.support.stored_payments import PRICE, store_payment

BOATS = [clip("a"), clip("b"), clip("c")]


def jobs_by_kind(session: Session) -> Counter[tuple[object, ...]]:
    """The jobs that no other stands for, counted one by one."""
    kinds = select(RenderJob.campaign_id, RenderJob.state, RenderJob.failure_class, RenderJob.failure_code)
    return Counter(tuple(row) for row in session.execute(kinds.where(RenderJob.superseded_at.is_(None))))


def kept(session: Session) -> Counter[tuple[object, ...]]:
    """The same as it is kept."""
    session.flush()
    campaigns = session.scalars(select(Campaign.id)).all()
    return Counter(
        {
            (one, kind.state, kind.failure_class, kind.failure_code): count
            for one in campaigns
            for kind, count in counts_by_kind(session, one).items()
        }
    )


def test_counts_follow_clips_through_their_lives(session: Session) -> None:
    campaign = make_campaign(session)
    other = make_campaign(session, "other")
    apply(session, campaign, *BOATS)
    apply(session, other, clip("x"))
    assert kept(session) == jobs_by_kind(session)

    jobs = standing(session, campaign)
    end(session, jobs["a"], *RENDERED)
    end(session, jobs["b"], *ENDED_FAILED)

    assert by_state(counts_by_kind(session, campaign.id)) == {"succeeded": 1, "failed": 1, "queued": 1}
    assert kept(session) == jobs_by_kind(session)


def test_a_failure_is_counted_by_its_class_and_code(session: Session) -> None:
    campaign = make_campaign(session)
    apply(session, campaign, clip("a"))
    (job,) = standing(session, campaign).values()
    for state in ENDED_FAILED[:-1]:
        end(session, job, state)

    move(session, job.id, [RenderState.SUBMITTING], RenderState.FAILED, now=NOW, failure_code="A")

    assert counts_by_kind(session, campaign.id) == {Kind(RenderState.FAILED, None, "A"): 1}


def test_counts_follow_what_is_written_in_bulk(session: Session) -> None:
    campaign = make_campaign(session)
    apply(session, campaign, *BOATS)
    end(session, standing(session, campaign)["a"], *ENDED_FAILED)

    retry_clips(session, campaign, find_retries(session, campaign.id, Which(), limit=10), now=NOW)
    assert kept(session) == jobs_by_kind(session)
    apply(session, campaign, clip("b", seed=7))
    assert kept(session) == jobs_by_kind(session)
    cancel_clips(session, campaign.id, now=NOW, limit=10)
    assert kept(session) == jobs_by_kind(session)

    requests = [parse_request({"model": "wan2.6-t2v", "prompt": f"boat {number}"}) for number in range(5)]
    checked = [check_job(request, f"key-{number % 3}") for number, request in enumerate(requests[:3])]
    enqueue_render_jobs(session, [*checked, *checked], now=NOW, tenant_id=ensure_tenant(session))
    assert kept(session) == jobs_by_kind(session)
    assert sum(jobs_by_kind(session).values()) == 6


def test_counts_follow_what_an_operator_changes_by_hand(session: Session) -> None:
    campaign, other = make_campaign(session), make_campaign(session, "other")
    ids = [store_job(session, campaign_id=campaign.id) for _ in range(4)]

    session.execute(update(RenderJob).where(RenderJob.id == ids[0]).values(superseded_at=NOW))
    session.execute(update(RenderJob).where(RenderJob.id == ids[1]).values(campaign_id=other.id))
    session.execute(delete(RenderJob).where(RenderJob.id.in_([ids[0], ids[2]])))

    assert kept(session) == jobs_by_kind(session)
    assert (by_state(counts_by_kind(session, campaign.id)), by_state(counts_by_kind(session, other.id))) == (
        {"queued": 1},
        {"queued": 1},
    )


def test_what_changes_nothing_that_is_counted_appends_nothing(session: Session) -> None:
    job_id = store_job(session)
    before = session.scalar(select(func.count()).select_from(CampaignCount))

    session.execute(update(RenderJob).where(RenderJob.id == job_id).values(poll_count=7, next_poll_at=NOW))

    assert session.scalar(select(func.count()).select_from(CampaignCount)) == before


def test_folding_leaves_a_row_for_each_kind_and_the_sums_as_they_are(session: Session) -> None:
    campaign = make_campaign(session)
    apply(session, campaign, *BOATS)
    for job in standing(session, campaign).values():
        end(session, job, *RENDERED)
    store_payment(session, campaign_id=campaign.id)
    store_payment(session, campaign_id=campaign.id)
    before, spent = kept(session), spent_by_currency(session, campaign.id)

    first, again = fold_counts(session), fold_counts(session)

    rows = session.execute(select(CampaignCount.state, CampaignCount.count)).all()
    assert (first > 20, again) == (True, 0)
    assert [tuple(row) for row in rows] == [("succeeded", 5)]
    assert session.scalars(select(CampaignSpending.amount)).all() == [PRICE * 10]
    assert (kept(session), spent_by_currency(session, campaign.id)) == (before, spent)

    end(session, session.get_one(RenderJob, store_job(session, campaign_id=campaign.id)), RenderState.CANCELLED)
    fold_counts(session)
    assert kept(session) == jobs_by_kind(session)


def test_a_campaign_that_was_billed_nothing_says_so_before_and_after_folding(session: Session) -> None:
    campaign = make_campaign(session)
    store_payment(session, campaign_id=campaign.id, settled_seconds=0)

    before = campaign_view(session, campaign, now=NOW).money
    fold_counts(session)

    assert [(one.currency, one.spent) for one in before] == [("USD", Decimal(0))]
    assert campaign_view(session, campaign, now=NOW).money == before


@pytest.fixture
def own(database_url: str) -> Iterator[Engine]:
    """An engine of a database of the test's own."""
    engine = make_engine(database_url)
    yield engine
    engine.dispose()


def wait_for_nothing(session: Session) -> None:
    """Fail at once where another transaction holds a lock."""
    session.execute(text("SET LOCAL lock_timeout = '1ms'"))


def test_two_workers_that_end_clips_of_one_campaign_do_not_wait_for_each_other(own: Engine) -> None:
    with Session(own) as session, session.begin():
        ids = [store_job(session) for _ in range(2)]

    with Session(own) as one, Session(own) as other:
        for session, job_id in zip((one, other), ids, strict=True):
            wait_for_nothing(session)
            move(session, job_id, [RenderState.QUEUED], RenderState.EXPIRED, now=NOW)
        with Session(own) as third, third.begin():
            wait_for_nothing(third)
            folded = fold_counts(third)
        one.commit()
        other.commit()

    with Session(own) as session:
        assert folded == 2
        assert kept(session) == jobs_by_kind(session)
        assert list(kept(session).values()) == [2]


def test_who_folds_at_the_same_time_does_not_wait_and_loses_nothing(own: Engine) -> None:
    with Session(own) as session, session.begin():
        for _ in range(3):
            store_job(session)
        fold_counts(session)
        store_job(session)

    with Session(own) as one, Session(own) as other:
        fold_counts(one)
        wait_for_nothing(other)
        store_job(other)
        fold_counts(other)
        other.commit()
        one.commit()

    with Session(own) as session, session.begin():
        assert sum(kept(session).values()) == 5
        fold_counts(session)
        store_job(session)
        fold_counts(session)
        assert kept(session) == jobs_by_kind(session)
        assert session.scalar(select(func.count()).select_from(CampaignCount)) == 1


def test_wrong_counts_are_set_to_what_the_rows_are(session: Session) -> None:
    campaign = make_campaign(session)
    apply(session, campaign, *BOATS)
    store_payment(session, campaign_id=campaign.id)
    fold_counts(session)
    session.execute(update(CampaignCount).values(count=CampaignCount.count * 2))
    session.execute(delete(CampaignSpending))

    corrected, again = recount(session), recount(session)

    assert (corrected, again) == (3, 0)
    assert kept(session) == jobs_by_kind(session)
    assert spent_by_currency(session, campaign.id) == {"USD": PRICE * 5}


def test_a_filled_database_is_counted_whole_by_its_migration(postgres_server: PostgresServer) -> None:
    postgres_server.create_database("counted")
    config = Config(ROOT / "alembic.ini")
    config.attributes["database_url"] = postgres_server.url("counted")
    command.upgrade(config, "batch_keys")
    engine = make_engine(postgres_server.url("counted"))
    with Session(engine) as session, session.begin():
        tenant = ensure_tenant(session)
        campaign_id = make_campaign(session).id
        for state in (RenderState.SUCCEEDED, RenderState.SUCCEEDED, RenderState.FAILED):
            store_job(session, state, tenant_id=tenant, campaign_id=campaign_id)
        store_payment(session, campaign_id=campaign_id)

    command.upgrade(config, "campaign_counts")
    with Session(engine) as session, session.begin():  # meanwhile
        store_job(session, campaign_id=campaign_id)
        store_payment(session, campaign_id=campaign_id)
        fold_counts(session)
    command.upgrade(config, "head")

    with Session(engine) as session:
        assert kept(session) == jobs_by_kind(session)
        assert sum(kept(session).values()) == 6
        assert spent_by_currency(session, campaign_id) == {"USD": PRICE * 10}
    engine.dispose()
    postgres_server.drop_database("counted")
