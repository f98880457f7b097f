"""Detect a CSV file's delimiter, and escape cells that a spreadsheet would run as formulas."""

from __future__ import annotations

import csv
import re
from collections.abc import Iterator
from itertools import chain
from typing import TYPE_CHECKING, Final

from reelqueue.campaigns.problem import CampaignFileError, Problem
from reelqueue.campaigns.rows.headings import Headings, Kind
from reelqueue.campaigns.rows.text_lines import Lines
from reelqueue.errors import InvalidRequestError

if TYPE_CHECKING:
    from _csv import Reader

_DELIMITERS: Final = (",", ";", "\t", "|")
_COMPARED_MAX: Final = 100
"""Headings that decide between delimiters; a file that is no table may have millions of them."""
_STATED: Final = re.compile(r'"?sep=(.)"?\s*', re.IGNORECASE)
_FORMULA: Final = re.compile(r"'*[=+\-@\t\r\n\uff1d\uff0b\uff0d\uff20]")
"""Full-width signs begin a formula, too, where a spreadsheet's language writes them."""
_NUMBER: Final = re.compile(r"[+-]?[0-9]+(?:[.,][0-9]+)?\Z", re.ASCII)


def find_dialect(file: str, lines: Lines, headings: Headings) -> tuple[list[str], str, Reader]:
    """The heading, the delimiter, and a reader of what follows.

    A line ``sep=;`` decides, as in Excel; else the delimiter under which most headings mean something.

    Raises:
        CampaignFileError: The file is empty, or its heading is no CSV.
    """
    try:
        first = _first_line(lines)
        if stated := _STATED.fullmatch(first):
            delimiter = stated[1]
            reader = csv.reader(lines, delimiter=delimiter, strict=True)
        else:
            delimiter = max(_DELIMITERS, key=lambda each: _fitness(first, each, headings))
            reader = csv.reader(chain([first], lines), delimiter=delimiter, strict=True)
        return _heading(reader), delimiter, reader
    except (csv.Error, StopIteration) as error:
        why = "the file is empty" if isinstance(error, StopIteration) else f"the heading is no CSV ({error})"
        raise CampaignFileError(
            Problem(
                file=file,
                line=max(lines.count, 1),
                code="no_heading",
                message=f"{why}; its first line names the columns, such as custom_id,model,prompt",
                remedy="Write the names of the options above the rows.",
            )
        ) from error


def _first_line(lines: Lines) -> str:
    return next(line for line in lines if line.strip())


def _heading(reader: Iterator[list[str]]) -> list[str]:
    cells = next(cells for cells in reader if any(cell.strip() for cell in cells))
    while not cells[-1].strip():  # columns that a spreadsheet only formatted
        cells.pop()
    return cells


def _fitness(line: str, delimiter: str, headings: Headings) -> tuple[int, int]:
    try:
        cells = next(csv.reader([line], delimiter=delimiter))
    except csv.Error:
        return (0, 0)
    return sum(_means_something(cell, headings) for cell in cells[:_COMPARED_MAX]), len(cells)


def _means_something(cell: str, headings: Headings) -> bool:
    try:
        return headings.target(cell).kind is not Kind.NOTE
    except InvalidRequestError:
        return False


def escaped(cell: str) -> str:
    """*cell* so that no spreadsheet runs it: ``'=1+1``. Plain numbers stay as they are."""
    return f"'{cell}" if _FORMULA.match(cell) and not _NUMBER.match(cell) else cell


def unescaped(cell: str) -> str:
    """The cell that `escaped` was given."""
    return cell[1:] if cell.startswith("'") and _FORMULA.match(cell) else cell
