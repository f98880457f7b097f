"""Command `statement`, and the table that the operators' command shows as well."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date, datetime
from decimal import Decimal
from typing import Annotated, Final

import typer
from rich.table import Column

from reelqueue.cli._jobs import AsJson, connect
from reelqueue.cli._output import print_json, print_table, talk
from reelqueue.schemas.grouping import Grouping
from reelqueue.schemas.statement import Statement, StatementSums, TextStatementSums, money_text

By = Annotated[Grouping, typer.Option("--by", help="What the lines are about.")]
FirstDay = Annotated[datetime | None, typer.Option("--from", formats=["%Y-%m-%d"], help="First day (UTC), included.")]
LastDay = Annotated[datetime | None, typer.Option("--to", formats=["%Y-%m-%d"], help="Last day (UTC), included.")]

_NUMBERS: Final = ("clips", "seconds", "paid", "estimate", "written off", "reserved")
_TEXT_NUMBERS: Final = ("calls", "input tokens", "output tokens", "paid", "written off", "reserved")


def statement(*, first: FirstDay = None, last: LastDay = None, by: By = Grouping.DAY, as_json: AsJson = False) -> None:
    """Show what was paid, beside what was reserved for it.

    Ends with exit code 1 if a second that the provider billed is not accounted for.
    """
    with connect() as client:
        found = client.statement(by=by, first_day=day_of(first), last_day=day_of(last))
    show_statement(found, as_json=as_json)


def day_of(moment: datetime | None) -> date | None:
    """The day that was typed."""
    return None if moment is None else moment.date()


def show_statement(found: Statement, *, as_json: bool) -> None:
    """Write a statement.

    Raises:
        typer.Exit: With code 1 if it has unaccounted seconds.
    """
    if as_json:
        print_json(found)
    else:
        numbers = (Column(title, justify="right", no_wrap=True) for title in _NUMBERS)
        print_table([Column(found.by.value, overflow="fold"), *numbers, Column("", no_wrap=True)], _rows(found))
        if found.texts:
            numbers = (Column(title, justify="right", no_wrap=True) for title in _TEXT_NUMBERS)
            columns = [Column(f"{found.by.value} (texts)", overflow="fold"), *numbers, Column("", no_wrap=True)]
            print_table(columns, _text_rows(found))
    if not found.is_whole:
        talk(f"{found.unaccounted_seconds} billed seconds are not accounted for: run python -m workers audit")
        raise typer.Exit(1)
    talk("every billed second is accounted for")


def _rows(found: Statement) -> Iterator[tuple[str, ...]]:
    for line in found.lines:
        yield (line.group, *_cells(line))
    for total in found.totals:
        yield ("total", *_cells(total))


def _text_rows(found: Statement) -> Iterator[tuple[str, ...]]:
    for line in found.texts:
        yield (line.group, *_text_cells(line))
    for total in found.text_totals:
        yield ("total", *_text_cells(total))


def _text_cells(sums: TextStatementSums) -> tuple[str, ...]:
    counts = (sums.calls, sums.input_tokens, sums.output_tokens)
    money = (sums.amount, sums.written_off, sums.reserved)
    return (*(f"{count:,}" for count in counts), *map(money_text, money), sums.currency or "no price")


def _cells(sums: StatementSums) -> tuple[str, ...]:
    money = (sums.amount, sums.estimate, sums.written_off, sums.reserved)
    return (
        str(sums.clips),
        _plain(sums.seconds),
        *(money_text(amount) for amount in money),
        sums.currency or "no price",
    )


def _plain(number: Decimal) -> str:
    return f"{number.normalize():,f}"
