"""Scan a sheet for merged cells, hidden cells and formulas without a stored result.

A look at its XML as a stream, before anything of it is kept: a workbook is a zip file, and a small one may hold a
sheet of any size.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import IO, Any, Final
from xml.parsers import expat

from reelqueue.campaigns.limits import COLUMNS_MAX
from reelqueue.campaigns.problem import column_letter

SHOWN_MAX: Final = 5
"""Places of one kind that are told."""
_CHUNK_BYTES: Final = 1 << 16
_ELEMENTS_MAX: Final = 2_000_000
"""Of a sheet beside its cells, such as links."""
_ROW_ELEMENTS_MAX: Final = 20 * COLUMNS_MAX


class UnreadableSheetError(Exception):
    """A sheet's XML is broken, or larger than any sheet for a campaign; the message says how."""


@dataclass(slots=True)
class Finds:
    """Places of one kind: the first few, and how many."""

    count: int = 0
    shown: list[str] = field(default_factory=list)

    def add(self, place: str) -> None:
        """Count one."""
        self.count += 1
        if len(self.shown) < SHOWN_MAX:
            self.shown.append(place)

    def __str__(self) -> str:
        more = self.count - len(self.shown)
        return ", ".join(self.shown) + (f" and {more} more" if more else "")


@dataclass(slots=True)
class SheetScan:
    """What there is in one sheet."""

    width: int = 0
    """Cells of its widest row, also those between others that are not there."""
    has_cells: bool = False
    merged: Finds = field(default_factory=Finds)
    hidden_rows: Finds = field(default_factory=Finds)
    hidden_columns: Finds = field(default_factory=Finds)
    uncalculated: Finds = field(default_factory=Finds)
    """Cells with a formula and no value."""


def scan_sheet(stream: IO[bytes]) -> SheetScan:
    """Look through a sheet's XML.

    Args:
        stream: Of its part of the workbook.

    Raises:
        UnreadableSheetError: It is broken, or larger than any sheet for a campaign.
    """
    scanner = _Scanner()
    try:
        while chunk := stream.read(_CHUNK_BYTES):
            scanner.parser.Parse(chunk, False)
        scanner.parser.Parse(b"", True)
    except (expat.ExpatError, KeyError, ValueError) as error:
        raise UnreadableSheetError(f"the XML of a sheet is broken ({error})") from error
    return scanner.finish()


class _Scanner:
    """Handlers of a parser that keeps no tree."""

    def __init__(self) -> None:
        self.found = SheetScan()
        self.parser = expat.ParserCreate(namespace_separator=" ")
        self.parser.StartElementHandler = self._start
        self.parser.EndElementHandler = self._end
        self.parser.StartDoctypeDeclHandler = _refuse_doctype
        self._hidden: set[int] = set()
        self._beside = 0
        self._in_row = 0
        self._row = ""
        self._is_hidden = False
        self._cell = ""
        self._has_formula = self._has_value = False

    def _start(self, name: str, attributes: dict[str, Any]) -> None:
        self._beside += not self._row
        self._in_row += 1
        if self._beside > _ELEMENTS_MAX or (self._in_row > _ROW_ELEMENTS_MAX and self._row):
            raise UnreadableSheetError("a sheet holds too much beside its cells; copy them into a new workbook")
        match name.rpartition(" ")[2]:
            case "c":
                self._start_cell(attributes)
            case "f":
                self._has_formula = True
            case "v" if self._has_formula:
                self.parser.CharacterDataHandler = self._note_value
            case "row":
                self._row = attributes.get("r", "?")
                self._in_row = 0
                self._is_hidden = attributes.get("hidden") in {"1", "true"}
            case "mergeCell":
                self.found.merged.add(attributes.get("ref", "?"))
            case "col" if attributes.get("hidden") in {"1", "true"}:
                self._hidden.update(range(int(attributes["min"]), min(int(attributes["max"]), COLUMNS_MAX) + 1))
            case _:
                pass

    def _start_cell(self, attributes: dict[str, Any]) -> None:
        self._cell = attributes.get("r", "")
        self._has_formula = False
        self._has_value = attributes.get("t") == "str"  # which may be empty
        self.found.has_cells = True
        self.found.width = max(self.found.width, _column(self._cell))
        if self._is_hidden:
            self.found.hidden_rows.add(self._row)
            self._is_hidden = False  # told once

    def _note_value(self, text: str) -> None:
        self._has_value = self._has_value or bool(text.strip())

    def finish(self) -> SheetScan:
        """What was found, with the hidden columns that hold anything."""
        for number in sorted(self._hidden):
            if number <= self.found.width:
                self.found.hidden_columns.add(column_letter(number - 1))
        return self.found

    def _end(self, name: str) -> None:
        match name.rpartition(" ")[2]:
            case "c" if self._has_formula and not self._has_value:
                self.found.uncalculated.add(self._cell or "?")
            case "v":
                self.parser.CharacterDataHandler = None
            case "row":
                self._row = ""
            case _:
                pass


def _column(cell: str) -> int:
    """The number of a cell's column, from 1: of ``AB7`` 28; 0 for a cell that does not say."""
    number = 0
    for letter in cell:
        if not "A" <= letter <= "Z":
            break
        number = number * 26 + ord(letter) - ord("A") + 1
    return number


def _refuse_doctype(*_: object) -> None:
    raise UnreadableSheetError("a sheet declares XML entities, which no spreadsheet writes")
