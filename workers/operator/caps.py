"""The operators' commands about caps on spending above campaigns."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from decimal import Decimal
from typing import Annotated
from uuid import UUID

import typer
from rich.table import Column
from sqlalchemy import select
from sqlalchemy.orm import Session

from models.account import Account
from models.operations.money.caps import Caps, is_exhausted
from models.spending_cap import CapPeriod, SpendingCap
from models.tenant import Tenant
from reelqueue.cli._output import print_table
from reelqueue.errors import ReelqueueError
from reelqueue.schemas.statement import money_text
from workers.operator.console import AsJson, open_context, read_budget

caps = typer.Typer(no_args_is_help=True, help="Hard caps on spending, above the budgets of campaigns.")

_Tenant = Annotated[str | None, typer.Option("--tenant", help="Whose jobs; those of every tenant unless given.")]
_Account = Annotated[str | None, typer.Option("--account", help="At which account; at all of them unless given.")]
_Per = Annotated[CapPeriod, typer.Option("--per", help="Calendar day or month, of UTC.")]


@dataclass(frozen=True)
class CapLine:
    """A cap as it is shown."""

    tenant: str | None
    account: str | None
    per: str
    cap: Decimal
    used: Decimal
    """Spent and reserved in the period that is now."""
    currency: str
    is_exhausted: bool
    """Whether a job waits for it."""


@caps.command("list")
def list_command(*, as_json: AsJson = False) -> None:
    """Show every cap, and what is spent and reserved of it now."""
    with open_context() as context, context.sessions() as session:
        lines = list(_lines(session, Caps.look(session, context.clock.now(session))))
    if as_json:
        for line in lines:
            typer.echo(json.dumps(asdict(line), default=str))
        return
    titles = ("tenant", "account", "per", "cap", "used", "left", "", "")
    numbers = {"cap", "used", "left"}
    columns = [Column(title, justify="right" if title in numbers else "left", no_wrap=True) for title in titles]
    print_table(columns, [_cells(line) for line in lines])


@caps.command("set")
def set_command(
    amount: Annotated[str, typer.Argument(metavar="'AMOUNT CURRENCY'", help="Such as '100 USD'.")],
    *,
    per: _Per,
    tenant: _Tenant = None,
    account: _Account = None,
) -> None:
    """Set a cap, or change it: no job is admitted that could exceed it.

    A cap below what is spent and reserved already takes nothing back: nothing more is admitted until it has room.
    """
    budget = read_budget(amount)
    with open_context() as context:
        with context.sessions.begin() as session:
            tenant_id, account_id = _scope(session, tenant, account)
            found = _named(session, tenant_id, account_id, per, budget.currency)
            if found is None:
                found = SpendingCap(tenant_id=tenant_id, account_id=account_id, period=per, currency=budget.currency)
                session.add(found)
            found.amount = budget.amount
            found.exhausted_at, found.reported_percent, found.reported_day = None, 0, None
        context.hints.dispatch()
    typer.echo(f"cap of {money_text(budget.amount)} {budget.currency} a {per.value} is set")


@caps.command("remove")
def remove_command(
    currency: Annotated[str, typer.Argument(help="Such as USD.")],
    *,
    per: _Per,
    tenant: _Tenant = None,
    account: _Account = None,
) -> None:
    """Take a cap away."""
    with open_context() as context:
        with context.sessions.begin() as session:
            found = _named(session, *_scope(session, tenant, account), per, currency)
            if found is None:
                raise ReelqueueError(f"there is no cap in {currency} a {per.value} of that scope; see caps list")
            session.delete(found)
        context.hints.dispatch()
    typer.echo("the cap is removed")


def _scope(session: Session, tenant: str | None, account: str | None) -> tuple[UUID | None, UUID | None]:
    found: list[UUID | None] = []
    for kind, table, name in (("tenant", Tenant, tenant), ("account", Account, account)):
        if name is None:
            found.append(None)
            continue
        names = {row.name: row.id for row in session.execute(select(table.name, table.id)).all()}
        if name not in names:
            raise ReelqueueError(f"there is no {kind} named {name}; there are {', '.join(sorted(names)) or 'none'}")
        found.append(names[name])
    return found[0], found[1]


def _named(
    session: Session, tenant_id: UUID | None, account_id: UUID | None, per: CapPeriod, currency: str
) -> SpendingCap | None:
    query = select(SpendingCap).where(
        SpendingCap.tenant_id.is_not_distinct_from(tenant_id),
        SpendingCap.account_id.is_not_distinct_from(account_id),
        SpendingCap.period == per,
        SpendingCap.currency == currency,
    )
    return session.scalars(query.with_for_update()).one_or_none()


def _lines(session: Session, found: Caps) -> Iterator[CapLine]:
    for cap in found.caps:
        yield CapLine(
            tenant=None if cap.tenant_id is None else session.get_one(Tenant, cap.tenant_id).name,
            account=None if cap.account_id is None else session.get_one(Account, cap.account_id).name,
            per=cap.period.value,
            cap=cap.amount,
            used=found.used(cap),
            currency=cap.currency,
            is_exhausted=is_exhausted(cap, found.now),
        )


def _cells(line: CapLine) -> tuple[str, ...]:
    money = (line.cap, line.used, line.cap - line.used)
    return (
        line.tenant or "all",
        line.account or "all",
        line.per,
        *(money_text(amount) for amount in money),
        line.currency,
        "jobs wait" if line.is_exhausted else "",
    )
