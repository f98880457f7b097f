"""Data to stdout, talk to stderr."""

from __future__ import annotations

import json
import sys
from collections.abc import Callable, Iterable
from typing import Any, Final, TypeVar

from pydantic import BaseModel
from rich.console import Console
from rich.table import Column, Table
from rich.text import Text

T = TypeVar("T")

_PIPE_COLUMNS: Final = 160
"""Width of a table that goes into a pipe or file, where no terminal says how wide it is."""


def talk(message: str) -> None:
    """Say something to the person at the terminal."""
    sys.stderr.write(f"{printable(message)}\n")


def print_line(line: str) -> None:
    """Write one line of data."""
    sys.stdout.write(f"{line}\n")


def print_json(value: BaseModel | dict[str, Any]) -> None:
    """Write one JSON value, in ASCII so that every terminal and pipe can carry it."""
    print_line(json.dumps(_plain(value), indent=2))


def print_json_array(values: Iterable[BaseModel]) -> None:
    """Write a JSON array as its items come, one a line."""
    separator = "["
    for value in values:
        sys.stdout.write(f"{separator}\n{json.dumps(_plain(value))}")
        separator = ","
    sys.stdout.write("[]\n" if separator == "[" else "\n]\n")


def print_table(columns: Iterable[Column], rows: Iterable[Iterable[str]]) -> None:
    """Write a table; cells are text, never markup."""
    headings = list(columns)
    is_titled = any(column.header for column in headings)
    table = Table(*headings, box=None, pad_edge=False, header_style="bold", show_header=is_titled)
    for row in rows:
        table.add_row(*(Text(printable(cell)) for cell in row))
    width = None if sys.stdout.isatty() else _PIPE_COLUMNS
    Console(file=sys.stdout, width=width).print(table)


def printable(text: str) -> str:
    """*text* without characters that would steer the terminal: a prompt may come from anybody."""
    return "".join(character if character.isprintable() else "\N{REPLACEMENT CHARACTER}" for character in text)


def shown(value: T | None, form: Callable[[T], str] = str) -> str:
    """*value* in a table's cell."""
    return "-" if value is None else form(value)


def _plain(value: BaseModel | dict[str, Any]) -> Any:  # noqa: ANN401 - JSON
    return value.model_dump(mode="json") if isinstance(value, BaseModel) else value
