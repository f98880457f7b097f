"""What an amount pays for."""

from __future__ import annotations

from decimal import Decimal
from uuid import uuid4

from sqlalchemy import select

from models.account import Account
from models.operations.money.prices import known_prices
from reelqueue.catalog.price_list import BEIJING, SINGAPORE
from reelqueue.pricing import estimate
from tests.support.recorded_hints import RecordedHints
from workers.probe.paid.own_hints import OwnHints
from workers.probe.paid.plan import STEPS, Plan, make_plan
from workers.runtime.context import Context
from workers.runtime.host_clock import HostClock


def plan(context: Context, amount: str, region: str = SINGAPORE, currency: str = "USD") -> Plan:
    """A plan for an account without limits of its own."""
    with context.sessions() as session:
        account = Account(name="x", base_url="https://dashscope.test", region=region, key_env="K", read_limits={})
        account.slot_limits, account.look_ahead, account.id = {}, 2, uuid4()
        return make_plan(session, account, Decimal(amount), currency)


def test_a_dollar_pays_for_every_step(context: Context) -> None:
    found = plan(context, "1.00")

    assert [one.is_paid_for for one in found.steps] == [True] * len(STEPS)
    assert found.most == Decimal("0.95")


def test_the_steps_never_cost_more_than_the_amount(context: Context) -> None:
    for cents in range(0, 120, 3):
        found = plan(context, f"{cents / 100:.2f}")

        assert found.most <= found.amount
        assert sum(one.most for one in found.taken if one.most) == found.most


def test_a_step_that_is_too_dear_is_left_out_and_cheaper_ones_are_not(context: Context) -> None:
    assert [one.step.id for one in plan(context, "0.20").taken] == ["first", "2.6-flash"]


def test_a_step_without_a_price_is_left_out(context: Context) -> None:
    found = plan(context, "1.00", region="eu-central-1")

    assert (found.taken, found.most) == ((), Decimal(0))


def test_an_amount_counts_in_the_accounts_currency(context: Context) -> None:
    assert plan(context, "1.00", BEIJING, "USD").taken == ()
    assert plan(context, "1.00", BEIJING, "CNY").most <= Decimal(1)


def test_every_request_is_what_its_model_takes(context: Context) -> None:
    with context.sessions() as session:
        prices = known_prices(session)
        amounts = [estimate(step.request, SINGAPORE, prices=prices) for step in STEPS]

    assert all(amount is not None and amount.min_amount == amount.max_amount for amount in amounts)


def test_only_an_own_jobs_submit_is_kept_from_other_workers(context: Context) -> None:
    others, own, other, submitted = RecordedHints(), uuid4(), uuid4(), list[object]()
    hints = OwnHints(HostClock(), others, lambda _context, one, _epoch: submitted.append(one))
    hints.jobs.add(own)

    for job_id in (own, other):
        hints.submit(job_id, 1, "wan2.6-t2v")
    hints.take_steps(context)

    assert (submitted, [hint.job_id for hint in others.submits]) == ([own], [other])


def test_no_account_is_made_by_a_plan(context: Context) -> None:
    plan(context, "1.00")

    with context.sessions() as session:
        assert session.scalars(select(Account)).all() == []
