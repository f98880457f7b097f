"""The operators' command about the provider's own bill."""

from __future__ import annotations

import asyncio
import json
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from datetime import date, datetime, timedelta
from decimal import Decimal
from typing import Annotated, Final

import typer
from rich.table import Column
from sqlalchemy import select
from sqlalchemy.orm import Session

from models.account import Account
from models.settings import read_settings
from reelqueue.catalog.price_list import CURRENCY_BY_REGION
from reelqueue.cli._output import print_line, print_table, talk
from reelqueue.cli.statement import day_of
from reelqueue.errors import ConfigurationError, ReelqueueError
from reelqueue.schemas.statement import money_text
from workers.operator.console import AsJson, open_context
from workers.provider_bill.acs3_signature import AccessKey
from workers.provider_bill.client import BillAccess, read_days
from workers.provider_bill.differences import BEIJING, Difference, LedgerDay, Ours, compare_bill
from workers.provider_bill.ledger_days import read_ledger_days
from workers.provider_bill.rows import BillKind, BillRow, UnreadableRow, read_row
from workers.settings import BillSettings

DAYS_MAX: Final = 400
_MARGIN: Final = timedelta(days=1)

bill = typer.Typer(no_args_is_help=True, help="The provider's own bill.")

_First = Annotated[datetime, typer.Option("--from", formats=["%Y-%m-%d"], help="First day (Beijing), included.")]
_Last = Annotated[datetime, typer.Option("--to", formats=["%Y-%m-%d"], help="Last day (Beijing), included.")]
_Accounts = Annotated[
    list[str] | None,
    typer.Option("--account", help="An account that the bill covers; needed where there are several. Repeatable."),
]
_Keys = Annotated[
    list[str] | None,
    typer.Option("--api-key-id", help="The console's id of a key that is ours; unless given, all are. Repeatable."),
]
_Workspaces = Annotated[
    list[str] | None, typer.Option("--workspace", help="A workspace that is ours; unless given, all are. Repeatable.")
]


@bill.command("reconcile")
def reconcile_command(
    *,
    first: _First,
    last: _Last,
    account: _Accounts = None,
    api_key_id: _Keys = None,
    workspace: _Workspaces = None,
    as_json: AsJson = False,
) -> None:
    """Compare the ledger with the provider's own bill, by day and model.

    Each difference is explained by a rule (discount, free quota, rounding, another key, ...) or listed for a person.
    Nothing is changed. Exit code 1 if anything is listed.
    """
    first_day, last_day = _days(first, last)
    access = _access(read_settings(BillSettings))
    with open_context() as context, context.sessions() as session:
        accounts = _accounts(session, account or [])
        now = context.clock.now(session)
        currency = _currency(accounts)
        # A task of around midnight may be billed on the other side of the first or the last day.
        begin, end = first_day - _MARGIN, min(last_day + _MARGIN, datetime.now(BEIJING).date())
        ledger = read_ledger_days(session, [one.id for one in accounts], currency, begin, end)
    days = [begin + timedelta(days=number) for number in range((end - begin).days + 1)]
    rows = [read_row(item) for item in asyncio.run(read_days(access, days))]
    ours = Ours(frozenset(api_key_id or ()), frozenset(workspace or ()))
    differences = [
        one
        for one in compare_bill(rows, ledger, ours, currency, now)
        if one.day is None or first_day <= one.day <= last_day
    ]
    rows = [row for row in rows if isinstance(row, UnreadableRow) or first_day <= row.day <= last_day]
    ledger = {key: value for key, value in ledger.items() if first_day <= key[0] <= last_day}
    if as_json:
        for difference in differences:
            print_line(json.dumps(vars(difference) | {"is_explained": difference.is_explained}, default=_plain))
    else:
        _show(differences)
    _conclude(rows, ledger.values(), differences, currency)


def _days(first: datetime, last: datetime) -> tuple[date, date]:
    first_day, last_day = day_of(first), day_of(last)
    assert first_day is not None  # noqa: S101 -- both are required
    assert last_day is not None  # noqa: S101
    if last_day < first_day:
        raise typer.BadParameter(f"--to {last_day} is before --from {first_day}")
    if (last_day - first_day).days >= DAYS_MAX:
        raise typer.BadParameter(f"{first_day} to {last_day} are more than {DAYS_MAX} days; ask for less at once")
    if last_day > datetime.now(BEIJING).date():
        raise typer.BadParameter(f"--to {last_day} has not begun in Beijing, whose days the bill has")
    return first_day, last_day


def _access(settings: BillSettings) -> BillAccess:
    if settings.access_key_id is None or settings.access_key_secret is None:
        raise ConfigurationError(
            "REELQUEUE_BILL_ACCESS_KEY_ID and REELQUEUE_BILL_ACCESS_KEY_SECRET are not set: give the AccessKey of a "
            "RAM user that may call bssapi:DescribeInstanceBill; an API key (sk-...) opens no bill"
        )
    key = AccessKey(settings.access_key_id, settings.access_key_secret, settings.security_token)
    return BillAccess(settings.url, key, sleep=asyncio.sleep)


def _accounts(session: Session, names: Sequence[str]) -> list[Account]:
    """The accounts that the bill covers."""
    accounts = {one.name: one for one in session.scalars(select(Account).order_by(Account.name))}
    if unknown := sorted(set(names) - set(accounts)):
        raise ReelqueueError(
            f"there is no account named {', '.join(unknown)}; there are {', '.join(accounts) or 'none'}"
        )
    chosen = [accounts[name] for name in dict.fromkeys(names)] if names else list(accounts.values())
    if not chosen:
        raise ReelqueueError("there is no account yet: nothing was submitted, so there is nothing to compare")
    if not names and len(chosen) > 1:
        raise ReelqueueError(
            f"there are {len(chosen)} accounts ({', '.join(accounts)}), and an AccessKey opens the bill of one main "
            "account: name those that belong to it with --account"
        )
    return chosen


def _currency(accounts: Iterable[Account]) -> str:
    currencies = {CURRENCY_BY_REGION.get(one.region) for one in accounts}
    if len(currencies) > 1 or None in currencies:
        regions = ", ".join(sorted({one.region for one in accounts}))
        raise ReelqueueError(f"the ledger of {regions} has no single known currency: compare a region at a time")
    return str(currencies.pop())


def _show(differences: Iterable[Difference]) -> None:
    columns = [
        Column("day", no_wrap=True),
        Column("model", no_wrap=True),
        Column("rule", no_wrap=True),
        Column("seconds", justify="right", no_wrap=True),
        Column("amount", justify="right", no_wrap=True),
        Column("", overflow="fold"),
    ]
    print_table(columns, _rows(differences))


def _rows(differences: Iterable[Difference]) -> Iterator[tuple[str, ...]]:
    for one in differences:
        mark = "" if one.is_explained else "! "
        yield (
            "" if one.day is None else one.day.isoformat(),
            one.model,
            f"{mark}{one.rule}",
            f"{one.seconds.normalize():+f}" if one.seconds else "",
            f"{'+' if one.amount > 0 else ''}{money_text(one.amount)}" if one.amount else "",
            one.text,
        )


def _conclude(
    rows: Sequence[BillRow | UnreadableRow],
    ledger: Iterable[LedgerDay],
    differences: Sequence[Difference],
    currency: str,
) -> None:
    """Print the totals and what is left to explain.

    Raises:
        typer.Exit: With code 1 if anything is listed.
    """
    read = [row for row in rows if isinstance(row, BillRow)]
    owed = sum((row.owed for row in read if row.kind is not BillKind.OTHER and row.currency == currency), Decimal(0))
    others = sum((row.owed for row in read if row.kind is BillKind.OTHER and row.currency == currency), Decimal(0))
    booked = sum((day.amount + day.written_off for day in ledger), Decimal(0))
    rules = Counter(one.rule.value for one in differences)
    talk(f"owed {money_text(owed)} {currency}, ledger {money_text(booked)} {currency}, in {len(rows)} rows of the bill")
    if others:
        talk(f"{money_text(others)} {currency} more are for other products than video, and were not compared")
    if rules:
        talk("; ".join(f"{rule}: {count}" for rule, count in sorted(rules.items())))
    listed = sum(not one.is_explained for one in differences)
    talk(
        f"{listed} of {len(differences)} differences are for a person to look at"
        if listed
        else "everything is explained"
    )
    raise typer.Exit(1 if listed else 0)


def _plain(value: object) -> str:
    return f"{value:f}" if isinstance(value, Decimal) else str(value)
