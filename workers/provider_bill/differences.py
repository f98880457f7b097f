"""Compares a bill with the ledger, by day and model, and explains each difference by a rule.

================  ====================================================================================================
rule              holds when
================  ====================================================================================================
``not final``     the day ended less than 72 hours ago: the bill may still grow
``discount``      less is owed than the list price, by contract, volume or plan
``coupon``        less is owed than the list price, by a promotion
``free quota``    seconds are billed at zero, as free ones
``rounding``      amounts of the same seconds differ by at most 0.01 a row, or the provider says that it has rounded
``another key``   seconds of an API key or a workspace that the operator has not named as ours
``console``       seconds that a person made in the provider's console
``refund``        the provider gave money back
``no price``      the release knows no price of the model, so the ledger has these seconds alone
``written off``   a job's task was given up here, and is billed there
``day boundary``  the seconds that one day has too many are those that its neighbour lacks, and as many of our seconds
                  ended within half an hour of the midnight between them
``list price``    the same seconds at another price than ours: LISTED
``unexplained``   none of these: LISTED
``unreadable``    a row that may bill anything: LISTED
================  ====================================================================================================

What is listed is for a person; nothing here changes the ledger.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import date, datetime, time, timedelta, timezone
from decimal import Decimal
from enum import StrEnum
from typing import Final

from workers.provider_bill.rows import BillKind, BillRow, UnreadableRow

BEIJING: Final = timezone(timedelta(hours=8))
"""The zone of the provider's days."""
FINAL_AFTER: Final = timedelta(hours=72)
"""After a day's end, until which its bill may grow."""
BOUNDARY: Final = timedelta(minutes=30)
"""How far from midnight the provider may count a task on the other day."""
_ROUNDING: Final = Decimal("0.01")
_ROUNDING_MAX: Final = Decimal(1)
"""The most that a row which says that it rounds is believed for."""

DayKey = tuple[date, str]
"""Day of Beijing, and model."""


class Rule(StrEnum):
    """What explains a difference, or that nothing does; see the table above."""

    NOT_FINAL = "not final"
    DISCOUNT = "discount"
    COUPON = "coupon"
    FREE_QUOTA = "free quota"
    ROUNDING = "rounding"
    ANOTHER_KEY = "another key"
    CONSOLE = "console"
    REFUND = "refund"
    NO_PRICE = "no price"
    WRITTEN_OFF = "written off"
    DAY_BOUNDARY = "day boundary"
    LIST_PRICE = "list price"
    UNEXPLAINED = "unexplained"
    UNREADABLE = "unreadable"


LISTED: Final = frozenset({Rule.LIST_PRICE, Rule.UNEXPLAINED, Rule.UNREADABLE})


@dataclass(frozen=True)
class LedgerDay:
    """What the ledger says of one model on one day of Beijing."""

    seconds: Decimal = Decimal(0)
    amount: Decimal = Decimal(0)
    prices: frozenset[Decimal] = frozenset()
    """Of a second, each that occurs."""
    unpriced_seconds: Decimal = Decimal(0)
    """Of the seconds, those without a price."""
    written_off: Decimal = Decimal(0)
    """Amount of jobs that were given up without an answer."""
    first_seconds: Decimal = Decimal(0)
    """Of tasks that ended within `BOUNDARY` after the day began."""
    last_seconds: Decimal = Decimal(0)
    """Of tasks that ended within `BOUNDARY` before its end."""


@dataclass(frozen=True)
class Ours:
    """Which keys and workspaces are ours; an empty collection: all."""

    api_key_ids: Collection[str] = ()
    workspace_ids: Collection[str] = ()

    def has(self, row: BillRow) -> bool:
        """Whether a row's key and workspace are ours."""
        return (not self.api_key_ids or row.api_key_id in self.api_key_ids) and (
            not self.workspace_ids or row.workspace_id in self.workspace_ids
        )


@dataclass(frozen=True)
class Difference:
    """One difference, or something that the bill has beside our usage."""

    rule: Rule
    text: str
    """For people."""
    day: date | None = None
    """Of Beijing; None: it cannot be read."""
    model: str = ""
    seconds: Decimal = Decimal(0)
    """Billed less ours."""
    amount: Decimal = Decimal(0)
    """Owed less ours; of seconds that one side lacks, at their average price."""

    @property
    def is_explained(self) -> bool:
        """Whether a rule explains it, so that no operator need check it."""
        return self.rule not in LISTED


@dataclass
class _Billed:
    """The rows of our usage, of one day and model."""

    rows: int = 0
    seconds: Decimal = Decimal(0)
    """Paid ones."""
    free_seconds: Decimal = Decimal(0)
    list_amount: Decimal = Decimal(0)
    discount: Decimal = Decimal(0)
    coupons: Decimal = Decimal(0)
    owed: Decimal = Decimal(0)
    list_prices: set[Decimal] = field(default_factory=set)

    def add(self, row: BillRow) -> None:
        if row.kind is BillKind.FREE_QUOTA:
            self.free_seconds += row.seconds
            return
        self.rows += 1
        self.seconds += row.seconds
        self.list_amount += row.list_amount
        self.discount += row.discount
        self.coupons += row.coupons
        self.owed += row.owed
        if row.list_price is not None:
            self.list_prices.add(row.list_price)

    @property
    def all_seconds(self) -> Decimal:
        return self.seconds + self.free_seconds


def compare_bill(
    rows: Iterable[BillRow | UnreadableRow],
    ledger: Mapping[DayKey, LedgerDay],
    ours: Ours,
    currency: str,
    now: datetime,
) -> list[Difference]:
    """Every difference, in the order of days and models.

    Args:
        rows: The whole bill of the days that the ledger's part covers.
        ledger: Ours, by day of Beijing and model.
        ours: Which rows are ours.
        currency: Of the ledger's amounts.
        now: Tells which days are final.
    """
    found = list[Difference]()
    billed = defaultdict[DayKey, _Billed](_Billed)
    for row in rows:
        if isinstance(row, UnreadableRow):
            named = row.row.get("InstanceID") or row.row.get("BillingItem") or "a row without a name"
            found.append(Difference(Rule.UNREADABLE, f"{named}: {row.problem}"))
        elif row.kind is BillKind.OTHER:
            continue
        elif (beside := _beside_usage(row, ours, currency)) is not None:
            rule, text = beside
            found.append(Difference(rule, text, row.day, row.model, row.seconds, row.owed))
        else:
            billed[row.day, row.model].add(row)
    keys = sorted({*billed, *ledger})
    sides = {key: (billed.get(key, _Billed()), ledger.get(key, LedgerDay())) for key in keys}
    moved = _moved_over_midnight(sides)
    for key, (theirs, mine) in sides.items():
        if now < datetime.combine(key[0] + timedelta(days=1), time.min, BEIJING) + FINAL_AFTER:
            found += _not_final(key, theirs, mine)
        else:
            found += _differences(key, theirs, mine, is_moved=key in moved)
    return sorted(found, key=lambda one: (one.day or date.min, one.model))


def _beside_usage(row: BillRow, ours: Ours, currency: str) -> tuple[Rule, str] | None:
    """What a row is where it is no usage of ours."""
    if row.currency != currency:
        return Rule.UNEXPLAINED, f"owed in {row.currency}, and the ledger has {currency}; nothing is converted"
    if row.kind is BillKind.REFUND or row.owed < 0:
        return Rule.REFUND, "given back by the provider"
    if row.kind is BillKind.ADJUSTMENT:
        is_small = abs(row.owed) <= _ROUNDING_MAX
        return Rule.ROUNDING if is_small else Rule.UNEXPLAINED, "an adjustment by the provider"
    if row.kind is BillKind.CONSOLE:
        return Rule.CONSOLE, "made in the provider's console"
    if not ours.has(row):
        return Rule.ANOTHER_KEY, f"of key {row.api_key_id or '-'} in workspace {row.workspace_id or '-'}"
    return None


def _moved_over_midnight(sides: Mapping[DayKey, tuple[_Billed, LedgerDay]]) -> set[DayKey]:
    """Days whose difference is that the provider counts tasks of around midnight on the other day."""
    over = {key: theirs.all_seconds - mine.seconds for key, (theirs, mine) in sides.items()}
    moved = set[DayKey]()
    for (day, model), seconds in over.items():
        following = (day + timedelta(days=1), model)
        if not seconds or (day, model) in moved or over.get(following) != -seconds:
            continue
        # Too few: the last tasks of this day are billed on the next. Too many: the next day's first ones on this.
        near = sides[day, model][1].last_seconds if seconds < 0 else sides[following][1].first_seconds
        if near >= abs(seconds):
            moved |= {(day, model), following}
    return moved


def _not_final(key: DayKey, theirs: _Billed, mine: LedgerDay) -> Iterator[Difference]:
    seconds, amount = theirs.all_seconds - mine.seconds, theirs.list_amount - mine.amount
    if seconds or amount:
        yield Difference(Rule.NOT_FINAL, "the bill of this day may still grow", *key, seconds, amount)


def _differences(key: DayKey, theirs: _Billed, mine: LedgerDay, *, is_moved: bool) -> Iterator[Difference]:
    over = theirs.all_seconds - mine.seconds
    if over:
        # Exact, unless seconds are free: then which of them they are is not said.
        apart = over * _average_price(theirs, mine) if theirs.free_seconds else theirs.list_amount - mine.amount
        rule, text = _rule_of_seconds(over, apart, theirs, mine, is_moved=is_moved)
        yield Difference(rule, text, *key, over, apart)
    if theirs.free_seconds:
        saved = theirs.free_seconds * _average_price(theirs, mine)
        yield Difference(Rule.FREE_QUOTA, f"{theirs.free_seconds:f} s are billed at zero", *key, amount=-saved)
    for rule, amount in ((Rule.DISCOUNT, theirs.discount), (Rule.COUPON, theirs.coupons)):
        if amount:
            yield Difference(rule, f"taken off {theirs.list_amount:f}", *key, amount=-amount)
    beyond = theirs.owed - (theirs.list_amount - theirs.discount - theirs.coupons)
    if beyond > _ROUNDING * theirs.rows:
        yield Difference(Rule.UNEXPLAINED, "owed beyond the list price less what was taken off", *key, amount=beyond)
    unpriced = mine.unpriced_seconds * _average_price(theirs, mine)
    if mine.unpriced_seconds:
        text = f"no price was known here for {mine.unpriced_seconds:f} s"
        yield Difference(Rule.NO_PRICE, text, *key, amount=unpriced)
    if apart := _apart_by_price(theirs, mine, over, unpriced):
        is_rounding = abs(apart) <= _ROUNDING * theirs.rows
        yield Difference(Rule.ROUNDING if is_rounding else Rule.LIST_PRICE, _prices(theirs, mine), *key, amount=apart)


def _rule_of_seconds(
    over: Decimal, amount: Decimal, theirs: _Billed, mine: LedgerDay, *, is_moved: bool
) -> tuple[Rule, str]:
    if is_moved:
        return Rule.DAY_BOUNDARY, "tasks of around midnight, which the bill has on the other day"
    if over > 0 and 0 < amount <= mine.written_off:
        return Rule.WRITTEN_OFF, f"given up here for up to {mine.written_off:f}, and billed there"
    if over > 0:
        return Rule.UNEXPLAINED, "billed, and not in the ledger: look for tasks that no job asked for"
    if not theirs.all_seconds:
        return Rule.UNEXPLAINED, "nothing of this day and model is billed: read the bill again later"
    return Rule.UNEXPLAINED, "in the ledger, and not billed"


def _average_price(theirs: _Billed, mine: LedgerDay) -> Decimal:
    """Of a second, by the bill; by the ledger where the bill has none."""
    if theirs.seconds:
        return theirs.list_amount / theirs.seconds
    priced = mine.seconds - mine.unpriced_seconds
    return mine.amount / priced if priced else Decimal(0)


def _apart_by_price(theirs: _Billed, mine: LedgerDay, over: Decimal, unpriced: Decimal) -> Decimal:
    """By how much the amount at list prices differs for the same seconds; 0 where that cannot be known.

    Args:
        theirs: The bill.
        mine: The ledger.
        over: Seconds billed less ours.
        unpriced: What the seconds cost for which there is no price here.
    """
    if mine.unpriced_seconds and (mine.unpriced_seconds == mine.seconds or len(theirs.list_prices) != 1):
        return Decimal(0)
    if not over and not theirs.free_seconds:
        return theirs.list_amount - mine.amount - unpriced
    if over <= 0 and len(mine.prices) == 1:  # which seconds are missing does not matter
        return theirs.list_amount - theirs.seconds * min(mine.prices)
    return Decimal(0)


def _prices(theirs: _Billed, mine: LedgerDay) -> str:
    there, here = (_listed(prices) for prices in (theirs.list_prices, mine.prices))
    return f"a second costs {there} by the bill, and {here} here"


def _listed(prices: Iterable[Decimal]) -> str:
    return ", ".join(f"{price.normalize():f}" for price in sorted(prices)) or "an unknown price"
