"""The operators' commands about money: orphans and statements."""

from __future__ import annotations

import json
from typing import Annotated
from uuid import UUID

import typer
from sqlalchemy import select
from sqlalchemy.orm import Session

from models.operations.money.statement import Scope, make_statement
from models.tenant import Tenant
from reelqueue.cli.statement import By, FirstDay, LastDay, day_of, show_statement
from reelqueue.errors import ReelqueueError
from reelqueue.schemas.grouping import Grouping
from workers.operator.console import AsJson, Since, open_context, open_session, read_window
from workers.orphans.scan import OrphanScan, billed, scan_for_orphans


def adopt_orphans_command(*, since: Since = "24h", as_json: AsJson = False) -> None:
    """Scan for tasks at the provider that no job here submitted, and make finished ones jobs of their own.

    Their videos are archived and what they cost is entered, in the campaign "orphans". Exit code 1 if an account
    cannot be looked at.
    """
    window = read_window(since)
    with open_context() as context:
        looks = scan_for_orphans(context, window=window)
    for look in looks:
        _show(look, as_json=as_json)
    orphans = [orphan for look in looks for orphan in look.orphans]
    typer.echo(f"{len(orphans)} orphans, billed {billed(orphans)}" if orphans else "0 orphans", err=True)
    raise typer.Exit(1 if any(look.problem for look in looks) else 0)


def statement_command(
    *,
    first: FirstDay = None,
    last: LastDay = None,
    by: By = Grouping.DAY,
    tenant: Annotated[str, typer.Option(help="Whose payments; everybody's unless given.")] = "",
    as_json: AsJson = False,
) -> None:
    """Show what was paid, beside what was reserved for it.

    Exit code 1 if a second that the provider billed is not accounted for.
    """
    with open_session() as session:
        scope = Scope(_tenant_id(session, tenant), day_of(first), day_of(last))
        found = make_statement(session, by, scope)
    show_statement(found, as_json=as_json)


def _tenant_id(session: Session, name: str) -> UUID | None:
    if not name:
        return None
    found = session.scalars(select(Tenant.id).where(Tenant.name == name)).one_or_none()
    if found is None:
        raise ReelqueueError(f"there is no tenant named {name}")
    return found


def _show(look: OrphanScan, *, as_json: bool) -> None:
    if as_json:
        shown = vars(look) | {"orphans": [vars(orphan) for orphan in look.orphans]}
        typer.echo(json.dumps(shown, default=str))
        return
    typer.echo(str(look))
    for orphan in look.orphans:
        typer.echo(f"    {orphan}")
