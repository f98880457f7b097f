"""Convert an exported table: to the CSV dialect of the sheet that came in, or to a workbook."""

from __future__ import annotations

import csv
import io
import re
from collections.abc import Iterable, Sequence
from typing import Final

from reelqueue.campaigns.limits import LINE_CHARACTERS_MAX
from reelqueue.campaigns.rows.csv_dialect import escaped, unescaped
from reelqueue.errors import InvalidRequestError
from reelqueue.schemas.campaigns import CsvStyle

BYTE_ORDER_MARK: Final = "\N{ZERO WIDTH NO-BREAK SPACE}"
"""At the beginning of a CSV file it tells Excel that it is UTF-8."""

_NUMERIC: Final = frozenset(
    {
        "cost", "duration", "poll_interval_ms", "poll_timeout_ms", "priority", "seconds", "seed", "size_bytes",
        "variant",
    }
)  # fmt: skip
"""Columns of numbers; an id of digits is a text."""
_NUMBER: Final = re.compile(r"-?[0-9]{1,15}(?:\.[0-9]{1,9})?", re.ASCII)


PLAIN: Final = CsvStyle()
"""As the server writes tables."""
SEMICOLONS: Final = CsvStyle(delimiter=";", decimal=",")
"""As spreadsheets of many languages have them."""


def as_csv(table: str, style: CsvStyle) -> str:
    """A CSV export in another style."""
    if style == PLAIN:
        return table
    buffer = io.StringIO()
    writer = csv.writer(buffer, delimiter=style.delimiter)
    heading, *rows = _rows(table)
    for row in (heading, *rows):
        cells = zip(heading, row, strict=True)
        writer.writerow(
            escaped(text.replace(".", style.decimal) if _is_number(name, text) else text) for name, text in cells
        )
    return f"{BYTE_ORDER_MARK if style.has_byte_order_mark else ''}{buffer.getvalue()}"


def as_workbook(table: str) -> bytes:
    """A CSV export as a workbook, with numbers where there are some.

    Raises:
        ConfigurationError: openpyxl is not installed.
        InvalidRequestError: A cell is longer than one of a workbook may be.
    """
    from reelqueue.campaigns.report.workbook_file import WorkbookFile

    heading, *rows = _rows(table)
    _check_lengths(heading, rows)
    buffer = io.BytesIO()
    book = WorkbookFile(buffer)
    book.write(heading)
    for row in rows:
        book.write(_value(name, text) for name, text in zip(heading, row, strict=True))
    book.close()
    return buffer.getvalue()


def _check_lengths(heading: Sequence[str], rows: Iterable[Sequence[str]]) -> None:
    from reelqueue.campaigns.report.workbook_file import CELL_CHARACTERS_MAX

    for row in rows:
        for name, text in zip(heading, row, strict=True):
            if len(text) > CELL_CHARACTERS_MAX:
                clip = dict(zip(heading, row, strict=True)).get("custom_id", "")
                why = (
                    f"{name}: clip {clip!r} has {len(text)} characters there, and a cell of a workbook "
                    f"{CELL_CHARACTERS_MAX} at most; write --format csv or jsonl"
                )
                raise InvalidRequestError("too_long", why, name)


def _is_number(column: str, text: str) -> bool:
    return column in _NUMERIC and _NUMBER.fullmatch(text) is not None


def _value(column: str, text: str) -> str | float:
    if not _is_number(column, text):
        return text
    return float(text) if "." in text else int(text)


def _rows(table: str) -> list[list[str]]:
    # A limit of the whole process, and lower than a picture in a cell may be long.
    limit = csv.field_size_limit(LINE_CHARACTERS_MAX)
    try:
        rows = list(csv.reader(io.StringIO(table.removeprefix(BYTE_ORDER_MARK), newline="")))
    finally:
        csv.field_size_limit(limit)
    return [[unescaped(cell) for cell in row] for row in rows]
