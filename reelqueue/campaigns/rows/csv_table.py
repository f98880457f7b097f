"""The cells of a CSV file, from any spreadsheet: commas, semicolons or tabs, quoted line breaks, empty lines."""

from __future__ import annotations

import csv
from collections.abc import Iterator
from typing import TYPE_CHECKING

from reelqueue.campaigns.limits import CELL_CHARACTERS_MAX
from reelqueue.campaigns.problem import CampaignFileError, Problem
from reelqueue.campaigns.rows.csv_dialect import find_dialect
from reelqueue.campaigns.rows.headings import Headings
from reelqueue.campaigns.rows.origin import PROBLEM_HEADING
from reelqueue.campaigns.rows.table import Cells, Table
from reelqueue.campaigns.rows.text_lines import Lines
from reelqueue.errors import InvalidRequestError

if TYPE_CHECKING:
    from _csv import Reader


def csv_table(file: str, lines: Lines, headings: Headings, *, has_byte_order_mark: bool = False) -> Table:
    """The heading of a CSV file, and its rows as they are asked for.

    Args:
        file: Its name, as problems tell it.
        lines: Its text from the first line on.
        headings: What headings mean; the delimiter under which most mean something is taken.
        has_byte_order_mark: Whether it begins with one, or is in no UTF-8: its copies begin with one.

    Raises:
        CampaignFileError: There is no heading that can be read.
    """
    # A limit of the whole process, and lower than a cell may be long; only ever raised here.
    csv.field_size_limit(max(csv.field_size_limit(), CELL_CHARACTERS_MAX))
    heading, delimiter, reader = find_dialect(file, lines, headings)
    rows = _rows(file, lines, reader)
    return Table(
        heading,
        lines.count,
        rows,
        delimiter=delimiter,
        has_byte_order_mark=has_byte_order_mark,
        is_escaped_copy=PROBLEM_HEADING in heading,
        has_lines_in_cells=True,
    )


def _rows(file: str, lines: Lines, reader: Reader) -> Iterator[tuple[int, Cells | InvalidRequestError]]:
    while True:
        line = lines.count + 1
        try:
            cells = next(reader)
        except StopIteration:
            return
        except csv.Error as error:
            yield line, _broken(file, line, error)
        else:
            yield line, cells


def _broken(file: str, line: int, error: csv.Error) -> InvalidRequestError:
    told = str(error)
    if "field larger" in told:
        raise CampaignFileError(_endless(file, line)) from error
    why = f"the row breaks the rules of CSV ({told}); a double quote within a quoted cell is written twice"
    return InvalidRequestError("bad_csv", why)


def _endless(file: str, line: int) -> Problem:
    return Problem(
        file=file,
        line=line,
        code="bad_csv",
        message=(
            f"a cell of this row has more than {CELL_CHARACTERS_MAX} characters, and the rest of the file is not "
            "read: mostly a double quote that is never closed"
        ),
        remedy="Close the quote, or write a double quote within a quoted cell twice.",
    )
