"""Each difference between bill and ledger is named by its rule, and by no other."""

from __future__ import annotations

from datetime import date, datetime, timedelta
from decimal import Decimal
from typing import Any

import pytest

from workers.provider_bill.differences import BEIJING, FINAL_AFTER, Difference, LedgerDay, Ours, Rule, compare_bill
from workers.provider_bill.rows import read_row

DAY = date(2026, 11, 3)
MODEL = "wan2.6-t2v"
NOW = datetime(2026, 11, 30, tzinfo=BEIJING)
PRICE = Decimal("0.10")


def item(**changes: Any) -> dict[str, Any]:
    """A row of thirty seconds, as the provider writes it."""
    return {
        "BillingDate": "2026-11-03",
        "ProductCode": "sfm",
        "CommodityCode": "sfm_inferenceWan_public_intl",
        "Item": "PayAsYouGoBill",
        "InstanceID": f"5012345;llm-abc;{MODEL};video_ratio_720p;app;0",
        "BillingItem": "Video generation (720P)",
        "BillingItemCode": "video_duration",
        "Usage": "30",
        "UsageUnit": "Second",
        "ListPrice": "0.1",
        "ListPriceUnit": "USD/Second",
        "PretaxGrossAmount": Decimal("3.0"),
        "InvoiceDiscount": Decimal("0.0"),
        "DeductedByCoupons": Decimal("0.0"),
        "PretaxAmount": Decimal("3.0"),
        "Currency": "USD",
    } | changes


def ledger_day(seconds: int = 30, **facts: Any) -> LedgerDay:
    """The ledger's side of it."""
    values = {"seconds": Decimal(seconds), "amount": seconds * PRICE, "prices": frozenset({PRICE})}
    return LedgerDay(**values | facts)


def compared(
    *items: dict[str, Any], ledger: LedgerDay | None = None, ours: Ours | None = None, now: datetime = NOW
) -> list[Difference]:
    """The differences of one day."""
    days = {(DAY, MODEL): ledger or ledger_day()}
    return compare_bill([read_row(one) for one in items], days, ours or Ours(), "USD", now)


def only(found: list[Difference]) -> Difference:
    (one,) = found
    return one


def test_the_same_seconds_at_the_same_price_are_no_difference() -> None:
    assert compared(item()) == []


@pytest.mark.parametrize(
    ("changes", "rule", "amount"),
    [
        ({"InvoiceDiscount": Decimal("0.3"), "PretaxAmount": Decimal("2.7")}, Rule.DISCOUNT, "-0.3"),
        ({"DeductedByCoupons": Decimal(3), "PretaxAmount": Decimal(0)}, Rule.COUPON, "-3"),
        ({"PretaxGrossAmount": Decimal("3.005"), "PretaxAmount": Decimal("3.005")}, Rule.ROUNDING, "0.005"),
        (
            {"PretaxGrossAmount": Decimal("3.6"), "PretaxAmount": Decimal("3.6"), "ListPrice": "0.12"},
            Rule.LIST_PRICE,
            "0.6",
        ),
    ],
)
def test_the_same_seconds_for_other_money(changes: dict[str, Any], rule: Rule, amount: str) -> None:
    found = only(compared(item(**changes)))

    assert (found.rule, found.seconds, found.amount) == (rule, 0, Decimal(amount))
    assert found.is_explained is (rule is not Rule.LIST_PRICE)


def test_free_seconds_are_none_that_are_missing() -> None:
    paid = item(Usage="20", PretaxGrossAmount=Decimal(2), PretaxAmount=Decimal(2))
    free = item(Usage="10", BillingItem="Free Tier Video", PretaxGrossAmount=Decimal(0), PretaxAmount=Decimal(0))

    found = only(compared(paid, free))

    assert (found.rule, found.amount) == (Rule.FREE_QUOTA, Decimal(-1))


@pytest.mark.parametrize(
    ("changes", "rule"),
    [
        ({"Item": "Refund", "PretaxAmount": Decimal("-1.5"), "Usage": "0"}, Rule.REFUND),
        ({"Item": "Adjustment", "PretaxAmount": Decimal("0.02"), "Usage": "0"}, Rule.ROUNDING),
        ({"Item": "Adjustment", "PretaxAmount": Decimal(40), "Usage": "0"}, Rule.UNEXPLAINED),
        ({"InstanceID": f"5099999;llm-abc;{MODEL};videos;app;0"}, Rule.ANOTHER_KEY),
        ({"InstanceID": f"5012345;llm-other;{MODEL};videos;app;0"}, Rule.ANOTHER_KEY),
        ({"InstanceID": f";llm-abc;{MODEL};videos;bmp;0"}, Rule.CONSOLE),
        ({"Currency": "CNY"}, Rule.UNEXPLAINED),
        ({"InstanceID": "5012345;llm-abc;null;videos;app;0"}, Rule.UNREADABLE),
        ({"PretaxGrossAmount": "1,234.56"}, Rule.UNREADABLE),
        ({"PretaxGrossAmount": True}, Rule.UNREADABLE),
        ({"UsageUnit": "Minute"}, Rule.UNREADABLE),
        ({"Item": "PostPaidBill"}, Rule.UNREADABLE),
        ({"Item": None}, Rule.UNREADABLE),
        ({"BillingDate": "Nov 3"}, Rule.UNREADABLE),
    ],
)
def test_a_row_beside_our_usage(changes: dict[str, Any], rule: Rule) -> None:
    ours = Ours(api_key_ids={"5012345"}, workspace_ids={"llm-abc"})

    assert only(compared(item(), item(**changes), ours=ours)).rule is rule


def test_other_products_are_not_compared() -> None:
    tokens = item(CommodityCode="sfm_inferenceglobal_public_intl", BillingItemCode="token_number", UsageUnit="Token")

    assert compared(item(), tokens) == []


def test_seconds_that_the_ledger_lacks_are_listed_with_their_price() -> None:
    found = only(compared(item(), ledger=ledger_day(20)))

    assert (found.rule, found.seconds, found.amount) == (Rule.UNEXPLAINED, 10, Decimal("1.0"))
    assert "look for tasks that no job asked for" in found.text


def test_seconds_that_the_bill_lacks_are_listed() -> None:
    found = only(compared())

    assert (found.rule, found.seconds, found.amount) == (Rule.UNEXPLAINED, -30, Decimal("-3.0"))


def test_what_was_written_off_here_explains_what_is_billed_there() -> None:
    found = only(compared(item(), ledger=ledger_day(20, written_off=Decimal("1.00"))))

    assert found.rule is Rule.WRITTEN_OFF


def test_more_than_was_written_off_is_not_explained_by_it() -> None:
    assert only(compared(item(), ledger=ledger_day(20, written_off=Decimal("0.90")))).rule is Rule.UNEXPLAINED


@pytest.mark.parametrize("near", [10, 0])
def test_tasks_of_around_midnight_explain_what_is_on_the_other_day(near: int) -> None:
    following = DAY + timedelta(days=1)
    ledger = {
        (DAY, MODEL): ledger_day(40, last_seconds=Decimal(near)),
        (following, MODEL): ledger_day(20),
    }
    rows = item(), item(BillingDate=following.isoformat())

    found = compare_bill([read_row(row) for row in rows], ledger, Ours(), "USD", NOW)

    assert [one.rule for one in found] == ([Rule.DAY_BOUNDARY] * 2 if near else [Rule.UNEXPLAINED] * 2)


def test_a_day_is_judged_when_its_bill_is_final() -> None:
    final_at = datetime(2026, 11, 4, tzinfo=BEIJING) + FINAL_AFTER

    assert only(compared(now=final_at - timedelta(seconds=1))).rule is Rule.NOT_FINAL
    assert only(compared(now=final_at)).rule is Rule.UNEXPLAINED


def test_a_model_without_a_price_here_is_compared_by_seconds_alone() -> None:
    unpriced = LedgerDay(seconds=Decimal(30), unpriced_seconds=Decimal(30))

    found = only(compared(item(), ledger=unpriced))

    assert (found.rule, found.amount) == (Rule.NO_PRICE, Decimal("3.0"))


def test_seconds_without_a_price_here_explain_no_other_price_of_the_rest() -> None:
    mine = LedgerDay(Decimal(30), 25 * PRICE, frozenset({PRICE}), unpriced_seconds=Decimal(5))
    dearer = item(PretaxGrossAmount=Decimal("3.6"), PretaxAmount=Decimal("3.6"), ListPrice="0.12")

    assert [(one.rule, one.amount) for one in compared(item(), ledger=mine)] == [(Rule.NO_PRICE, Decimal("0.5"))]
    assert [(one.rule, one.amount) for one in compared(dearer, ledger=mine)] == [
        (Rule.NO_PRICE, Decimal("0.60")),
        (Rule.LIST_PRICE, Decimal("0.50")),
    ]


@pytest.mark.parametrize(("owed", "is_listed"), [("2.70", False), ("2.71", False), ("3.70", True)])
def test_what_is_owed_beyond_the_list_price_less_what_was_taken_off_is_listed(owed: str, *, is_listed: bool) -> None:
    found = compared(item(InvoiceDiscount=Decimal("0.3"), PretaxAmount=Decimal(owed)))

    listed = [(one.rule, one.amount) for one in found if not one.is_explained]
    assert listed == ([(Rule.UNEXPLAINED, Decimal(owed) - Decimal("2.7"))] if is_listed else [])


def test_fewer_seconds_for_more_money_are_not_what_was_written_off() -> None:
    fewer = item(Usage="25", PretaxGrossAmount=Decimal("3.5"), PretaxAmount=Decimal("3.5"), ListPrice="0.14")
    prices = frozenset({PRICE, 2 * PRICE})

    assert only(compared(fewer, ledger=ledger_day(written_off=Decimal(1), prices=prices))).rule is Rule.UNEXPLAINED
