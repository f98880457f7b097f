"""The operators' commands about money: orphans."""

from __future__ import annotations

import json

import typer

from workers.console import AsJson, Since, open_services, read_window
from workers.orphans import Look, billed, look_for_orphans


def adopt_orphans_command(*, since: Since = "24h", as_json: AsJson = False) -> None:
    """Look for tasks at the provider that no job here asked for, and make finished ones jobs of their own.

    Their videos are archived and what they cost is entered, in the campaign "orphans". Exit code 1 if an account
    cannot be looked at.
    """
    window = read_window(since)
    with open_services() as services:
        looks = look_for_orphans(services, window=window)
    for look in looks:
        _show(look, as_json=as_json)
    orphans = [orphan for look in looks for orphan in look.orphans]
    typer.echo(f"{len(orphans)} orphans, billed {billed(orphans)}" if orphans else "0 orphans", err=True)
    raise typer.Exit(1 if any(look.problem for look in looks) else 0)


def _show(look: Look, *, as_json: bool) -> None:
    if as_json:
        shown = vars(look) | {"orphans": [vars(orphan) for orphan in look.orphans]}
        typer.echo(json.dumps(shown, default=str))
        return
    typer.echo(str(look))
    for orphan in look.orphans:
        typer.echo(f"    {orphan}")
