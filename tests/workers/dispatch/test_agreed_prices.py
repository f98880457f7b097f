"""A price that has risen reopens an agreement, and a model that has ended takes no more jobs."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

import pytest
from sqlalchemy import select

from models import Account, Campaign, ModelList, ModelPrice
from models.operations.campaigns.control import approve, resume
from models.operations.campaigns.holds import holds_of
from models.operations.money.prices import lock_prices, set_price
from models.operations.scheduling.render_times import model_ends
from reelqueue.catalog.price_list import SINGAPORE, PriceSource
from reelqueue.errors import ConfigurationError
from reelqueue.failure_codes import FailureCode
from reelqueue.states import RenderState
from tests.support.gates import open_default_gate
from tests.support.jobs import MODEL, Jobs
from tests.support.rows import Rows
from tests.support.scripted_provider import answer
from workers.dispatch.dispatcher import dispatch
from workers.operator.record.price_health import ends_ahead


def price(jobs: Jobs, amount: str) -> None:
    """An operator's price from now on."""
    jobs.clock.advance(1)
    with jobs.context.sessions.begin() as session:
        lock_prices(session)
        set_price(session, ModelPrice(
            source=PriceSource.OPERATOR, region=SINGAPORE, model=MODEL, currency="USD", per_second={"720P": amount},
            origin="test", from_at=jobs.clock.now(),
        ))  # fmt: skip
    jobs.clock.advance(1)


def campaign(rows: Rows) -> Campaign:
    with rows.sessions.begin() as session:
        return session.scalars(select(Campaign)).one()


@pytest.fixture
def agreed(jobs: Jobs, rows: Rows) -> Jobs:
    """A queued job of a campaign whose owner has agreed to the prices of now."""
    jobs.queued()
    rows.change(Campaign, prices_agreed_at=jobs.clock.now())
    return jobs


def test_nothing_is_admitted_at_a_higher_price_than_was_agreed_to(agreed: Jobs, rows: Rows) -> None:
    price(agreed, "0.12")

    assert dispatch(agreed.context) == []

    held = campaign(rows)
    assert held.paused_at is not None
    assert "costs 0.12 USD now, and cost 0.1 USD when" in (held.paused_reason or "")
    assert f"reelqueue campaign approve {held.name}" in (held.paused_reason or "")


def test_it_goes_on_when_its_owner_has_agreed_again(agreed: Jobs, rows: Rows) -> None:
    price(agreed, "0.12")
    dispatch(agreed.context)
    with rows.sessions.begin() as session:
        approve(session.scalars(select(Campaign)).one(), now=agreed.clock.now())

    assert len(dispatch(agreed.context)) == 1


def test_to_resume_it_is_no_agreement(agreed: Jobs, rows: Rows) -> None:
    price(agreed, "0.12")
    dispatch(agreed.context)
    with rows.sessions.begin() as session:
        resume(session.scalars(select(Campaign)).one(), now=agreed.clock.now())

    assert dispatch(agreed.context) == []
    assert campaign(rows).repriced_at is not None


def test_to_agree_ends_no_pause_of_its_owners(agreed: Jobs, rows: Rows) -> None:
    rows.change(Campaign, paused_at=agreed.clock.now(), paused_reason="by its owner")
    with rows.sessions.begin() as session:
        approve(session.scalars(select(Campaign)).one(), now=agreed.clock.now())

    assert campaign(rows).paused_at is not None


def test_a_price_that_falls_or_comes_back_stops_nothing(agreed: Jobs) -> None:
    price(agreed, "0.50")
    price(agreed, "0.08")

    assert len(dispatch(agreed.context)) == 1


def test_a_campaign_without_an_agreement_goes_on_within_its_budget(jobs: Jobs) -> None:
    jobs.queued()
    price(jobs, "0.12")

    assert len(dispatch(jobs.context)) == 1


@pytest.fixture
def ending(jobs: Jobs, rows: Rows) -> Jobs:
    """A job that has a slot, of a model that ends in ten days and has been missing from two lists."""
    jobs.admitted()
    with rows.sessions.begin() as session:
        account_id = session.scalars(select(Account.id)).one()
        session.add(ModelPrice(
            source=PriceSource.PROVIDER, account_id=account_id, region=SINGAPORE, model=MODEL, currency="USD",
            per_second={"720P": "0.1"}, origin="test", from_at=jobs.clock.now(),
            ends_at=jobs.clock.now() + timedelta(days=10),
        ))  # fmt: skip
        session.add(ModelList(account_id=account_id, asked_at=jobs.clock.now(), unread={}, missing={MODEL: 2}))
    return jobs


def test_a_model_whose_end_lies_ahead_is_rendered(ending: Jobs, rows: Rows) -> None:
    hint = ending.hints.submits[-1]
    ending.submit(hint)

    assert rows.state(hint.job_id) is RenderState.RENDERING


def test_a_job_of_a_model_that_has_ended_fails_before_anything_is_sent(ending: Jobs, rows: Rows) -> None:
    hint = ending.hints.submits[-1]
    ending.clock.advance(timedelta(days=11).total_seconds())
    open_default_gate(ending.context)

    ending.submit(hint)

    assert rows.state(hint.job_id) is RenderState.FAILED
    assert rows.job(hint.job_id).failure_code == FailureCode.MODEL_ENDED
    assert ending.provider.count("submit") == 0
    assert not rows.has_slot(hint.job_id)


def test_a_model_that_is_still_listed_after_its_end_is_tried(ending: Jobs, rows: Rows) -> None:
    rows.change(ModelList, missing={})
    hint = ending.hints.submits[-1]
    ending.clock.advance(timedelta(days=11).total_seconds())
    open_default_gate(ending.context)

    ending.submit(hint)

    assert rows.state(hint.job_id) is RenderState.RENDERING


@pytest.mark.parametrize(("days", "said"), [(0, "ends"), (11, "ended")])
def test_operators_are_told_of_an_end_two_weeks_before(ending: Jobs, rows: Rows, days: int, said: str) -> None:
    with rows.sessions.begin() as session:
        (line,) = ends_ahead(session, ending.clock.now() + timedelta(days=days))
        assert line.startswith(f"{MODEL} {said} on ")
        assert list(ends_ahead(session, ending.clock.now() - timedelta(days=5))) == []


def test_a_model_that_one_list_has_without_an_end_does_not_end(ending: Jobs, rows: Rows) -> None:
    with rows.sessions.begin() as session:
        assert model_ends(session, {MODEL}).keys() == {MODEL}
        other = Account(name="other", base_url="https://other.test", region=SINGAPORE, key_env="KEY")
        session.add(other)
        session.flush()
        session.add(ModelPrice(
            source=PriceSource.PROVIDER, account_id=other.id, region=SINGAPORE, model=MODEL, currency="USD",
            per_second={"720P": "0.1"}, origin="test", from_at=ending.clock.now(),
        ))  # fmt: skip
        session.flush()
        assert model_ends(session, {MODEL}) == {}
        session.rollback()


def test_a_long_wait_holds_every_model_of_the_account_and_is_said(jobs: Jobs, rows: Rows) -> None:
    first, other = jobs.admitted(), jobs.admitted(model="wan2.7-t2v", resolution="720P")
    said = {"code": "Throttling.AllocationQuota", "message": "Allocated quota exceeded, it will reset at midnight."}
    jobs.provider.on_submit(replace(answer(429, said), headers={"Retry-After": "600"}))
    jobs.submit(first)

    jobs.submit(other)

    assert jobs.provider.count("submit") == 1
    with rows.sessions.begin() as session:
        (hold,) = [
            one
            for one in holds_of(session, session.scalars(select(Campaign)).one(), now=jobs.clock.now())
            if MODEL in one.reason
        ]
    assert "to wait until" in hold.reason


def test_a_key_of_a_plan_is_refused_with_the_reason(jobs: Jobs, rows: Rows) -> None:
    variable = rows.account().key_env
    context = replace(jobs.context, environment={variable: "sk-sp-0123456789"})

    with pytest.raises(ConfigurationError, match="forbid automation") as refused:
        context.key_of(rows.account())

    assert "0123456789" not in str(refused.value)
