"""Write data to stdout and messages to stderr."""

from __future__ import annotations

import json
import sys
from collections.abc import Callable, Iterable
from datetime import datetime
from typing import TYPE_CHECKING, Any, Final, TypeVar

from rich.cells import cell_len
from rich.console import Console
from rich.table import Column, Table
from rich.text import Text

if TYPE_CHECKING:
    from pydantic import BaseModel

T = TypeVar("T")

_PIPE_COLUMNS: Final = 160
"""Width of a table that goes into a pipe or file, where no terminal says how wide it is."""
_GAP: Final = 2
_FOLDED_COLUMNS: Final = 20
"""Room that a column which folds its cells can do with."""
_CUT_COLUMNS_MIN: Final = 12
"""Of a column that is cut; less of it says nothing."""


def talk(message: str) -> None:
    """Say something to the person at the terminal."""
    sys.stderr.write(f"{printable(message)}\n")


def print_line(line: str) -> None:
    """Write one line of data."""
    print_text(f"{line}\n")


def print_text(text: str) -> None:
    """Write data as it is; a terminal gets it without characters that would steer it."""
    sys.stdout.write(_steerless(text) if sys.stdout.isatty() else text)


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


def print_table(columns: Iterable[Column], rows: Iterable[Iterable[str]], *, spare: Iterable[str] = ()) -> None:
    """Write a table; cells are text, never markup.

    Args:
        columns: With their titles.
        rows: A cell a column.
        spare: Titles of the columns that a narrow terminal does without, in this order; the first is cut before
            it is left out. The others are whole at any width: an id is there to be copied.
    """
    headings = list(columns)
    cells = [[printable(cell) for cell in row] for row in rows]
    console = Console(file=sys.stdout, width=None if sys.stdout.isatty() else _PIPE_COLUMNS)
    widths = [_width(column, [row[at] for row in cells]) for at, column in enumerate(headings)]
    widths = _fitting(widths, [[column.header for column in headings].index(title) for title in spare], console.width)
    kept = [at for at, width in enumerate(widths) if width]
    for at in kept:
        headings[at].width = None if _is_folded(headings[at]) else widths[at]
    is_titled = any(column.header for column in headings)
    table = Table(*(headings[at] for at in kept), box=None, pad_edge=False, header_style="bold", show_header=is_titled)
    for row in cells:
        table.add_row(*(Text(row[at]) for at in kept))
    console.width = max(console.width, _total(widths))
    console.print(table)


def _is_folded(column: Column) -> bool:
    return column.overflow == "fold"


def _width(column: Column, cells: Iterable[str]) -> int:
    """Of a column that is shown whole; one that folds does with less."""
    natural = max(map(cell_len, (str(column.header), *cells)))
    return max(1, min(natural, _FOLDED_COLUMNS) if _is_folded(column) else natural)


def _total(widths: Iterable[int]) -> int:
    shown = [width for width in widths if width]
    return sum(shown) + _GAP * (len(shown) - 1)


def _fitting(widths: list[int], spare: Iterable[int], most: int) -> list[int]:
    """The widths at which a table fits; 0 for a column that is left out."""
    fitting = list(widths)
    for count, at in enumerate(spare):
        excess = _total(fitting) - most
        if excess <= 0:
            break
        cut = fitting[at] - excess
        fitting[at] = cut if count == 0 and cut >= _CUT_COLUMNS_MIN else 0
    return fitting


def _steerless(text: str) -> str:
    """Several lines as `printable`, for people: without the mark that tells Excel about UTF-8, too."""
    lines = text.removeprefix("\N{ZERO WIDTH NO-BREAK SPACE}").replace("\r\n", "\n").split("\n")
    return "\n".join("\t".join(map(printable, line.split("\t"))) for line in lines)


def printable(text: str) -> str:
    """*text* without characters that would steer the terminal: a prompt may come from anybody."""
    return "".join(character if character.isprintable() else "\N{REPLACEMENT CHARACTER}" for character in text)


def moment(at: datetime) -> str:
    """A time as every command shows it, and as it can be given to one: local, with its offset from UTC."""
    return at.astimezone().isoformat(sep=" ", timespec="seconds")


def shown(value: T | None, form: Callable[[T], str] = str) -> str:
    """*value* in a table's cell."""
    return "-" if value is None else form(value)


def _plain(value: BaseModel | dict[str, Any]) -> Any:  # noqa: ANN401 - JSON
    return value if isinstance(value, dict) else value.model_dump(mode="json")
