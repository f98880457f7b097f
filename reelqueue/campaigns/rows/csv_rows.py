"""Rows of a sheet: each cell under the heading that says what it means."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Final, Literal

from reelqueue.campaigns.limits import CELL_CHARACTERS_MAX, COLUMNS_MAX
from reelqueue.campaigns.problem import Problem, column_letter, remedy_for
from reelqueue.campaigns.rows.cell_values import check_text, read_integer, reader_of
from reelqueue.campaigns.rows.csv_dialect import unescaped
from reelqueue.campaigns.rows.headings import KEPT, Headings, Kind, Target
from reelqueue.campaigns.rows.origin import COPY_HEADINGS, PROBLEM_HEADING, read_origin
from reelqueue.campaigns.rows.row import Place, Record, quoted
from reelqueue.campaigns.rows.table import Cells, Table
from reelqueue.campaigns.rows.text_lines import undecodable
from reelqueue.campaigns.rows.url_cells import check_single
from reelqueue.errors import InvalidRequestError
from reelqueue.schemas.campaigns import CsvStyle

_DECIMAL: Final = re.compile(r"\s*[+-]?[0-9]+([.,])[0-9]+\s*", re.ASCII)


@dataclass(frozen=True, slots=True)
class Column:
    """One column that says something."""

    index: int
    heading: str
    target: Target
    read: Callable[[str, str], object] | None


class Spreadsheet:
    """A CSV file or workbook behind its heading."""

    def __init__(self, file: str, table: Table, headings: Headings) -> None:
        """Read the heading.

        Args:
            file: Its name, as problems tell it.
            table: Its cells.
            headings: What headings mean.
        """
        self.file = file
        self.problems: list[Problem] = table.problems
        """What is wrong with the heading, or with the sheet as a whole."""
        self.heading: Cells = table.heading
        self._decimal: Literal[".", ","] | None = None
        self._table = table
        self.is_copy: bool = PROBLEM_HEADING in self.heading
        """Whether it is a copy of bad or failed rows."""
        self._origin = [(name, self.heading.index(name)) for name in COPY_HEADINGS if name in self.heading]
        self._columns = list(self._read_heading(headings))
        self._by_name = {_key(column.target): column for column in self._columns}

    @property
    def csv_style(self) -> CsvStyle | None:
        """How the rows read so far are written; None for a workbook."""
        if self._table.has_byte_order_mark is None:
            return None
        delimiter = self._table.delimiter
        # Programs divide cells by semicolons in languages whose numbers have commas.
        decimal = self._decimal or ("," if delimiter == ";" else ".")
        return CsvStyle(delimiter=delimiter, decimal=decimal, has_byte_order_mark=self._table.has_byte_order_mark)

    @property
    def option_names(self) -> frozenset[str]:
        """The options that its heading names."""
        return frozenset(column.target.name for column in self._columns if column.target.kind is Kind.OPTION)

    @property
    def kept_names(self) -> dict[str, str]:
        """The columns that are kept with each clip for people."""
        kept = (column for column in self._columns if column.target.kind in KEPT)
        return {column.heading.strip(): column.target.name for column in kept}

    def __iter__(self) -> Iterator[Record]:
        """Its rows; what is wrong with one stands in it."""
        for line, cells in self._table.rows:
            if isinstance(cells, InvalidRequestError):
                yield Record(line, (), refusals=[cells])
            elif any(cells) and not all(cell.isspace() or not cell for cell in cells):
                yield self._record(line, cells)

    def locate(self, record: Record, name: str | None) -> Place | None:
        """The cell in which a row says something about an option or variable."""
        column = self._by_name.get(name or "")
        if column is None or not isinstance(record.original, Sequence) or column.index >= len(record.original):
            return None
        line = record.line
        if line is not None and self._table.has_lines_in_cells:
            line += sum(_line_breaks(str(cell)) for cell in record.original[: column.index])
        seen = quoted(record.original[column.index])
        return Place(self.file, line, column.heading, column_letter(column.index), seen)

    def _record(self, line: int, cells: list[str]) -> Record:
        if self._table.is_escaped_copy:
            cells = [unescaped(cell) for cell in cells]
        record = Record(line, cells)
        if self.is_copy:
            record.origin = read_origin({name: cells[index] for name, index in self._origin if index < len(cells)})
        if len(cells) > len(self.heading) and any(cells[len(self.heading) :]):
            record.refusals.append(self._too_wide(cells))
        count = len(cells)
        for column in self._columns:
            if column.index < count and (text := cells[column.index]):
                _take(record, column, text)
                if column.read is read_integer and self._decimal is None and (found := _DECIMAL.fullmatch(text)):
                    self._decimal = "," if found[1] == "," else "."
        return record

    def _too_wide(self, cells: Sequence[str]) -> InvalidRequestError:
        message = (
            f"the row has {len(cells)} cells under {len(self.heading)} headings; a cell with {self._table.delimiter!r} "
            "or a line break in it must be in double quotes"
        )
        return InvalidRequestError("too_many_cells", message)

    def _read_heading(self, headings: Headings) -> Iterator[Column]:
        if len(self.heading) > COLUMNS_MAX:
            self._add_problem(0, "too_many", f"there are {len(self.heading)} columns; {COLUMNS_MAX} are the most")
            return
        letter_by_key: dict[str, str] = {}
        for index, heading in enumerate(self.heading):
            try:
                target = headings.target(heading)
            except InvalidRequestError as error:
                self._add_problem(index, error.code, error.message)
                continue
            if target.kind is Kind.NOTE:
                continue
            key, letter = _key(target), column_letter(index)
            if key in letter_by_key:
                message = f"{heading.strip()}: column {letter_by_key[key]} says the same"
                self._add_problem(index, "conflicting_options", message)
                continue
            letter_by_key[key] = letter
            yield Column(index, heading.strip(), target, _reader(target))

    def _add_problem(self, index: int, code: str, message: str) -> None:
        self.problems.append(
            Problem(
                file=self.file,
                line=self._table.heading_line,
                column=self.heading[index].strip()[:64],
                letter=column_letter(index),
                code=code,
                message=message,
                remedy=remedy_for(code),
            )
        )


def _take(record: Record, column: Column, text: str) -> None:
    """Put one cell where it belongs."""
    target = column.target
    try:
        if text[0] == "#" or len(text) > CELL_CHARACTERS_MAX:
            check_text(text, column.heading)
        if not text.isascii() and (found := undecodable(text)):
            raise InvalidRequestError("bad_encoding", f"{column.heading}: {found[0]}", _key(target))  # noqa: TRY301
        value = text if column.read is None else column.read(text, target.name)
    except InvalidRequestError as error:
        record.refusals.append(InvalidRequestError(error.code, error.message, _key(target)))
        return
    if value not in ("", []):  # only spaces
        record.put(target, value)


def _reader(target: Target) -> Callable[[str, str], object] | None:
    if target.kind is Kind.OPTION:
        return reader_of(target.name)
    return _single_reference if target.kind is Kind.ELEMENT else None


def _single_reference(text: str, number: str) -> str:
    return check_single(text, f"reference_urls.{number}")


def _key(target: Target) -> str:
    match target.kind:
        case Kind.OPTION:
            return target.name
        case Kind.VARIABLE:
            return f"vars.{target.name}"
        case _:
            return f"{target.kind}.{target.name}"


def _line_breaks(text: str) -> int:
    return text.count("\n") + text.count("\r") - text.count("\r\n")
