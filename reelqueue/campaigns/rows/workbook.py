"""The cells of a workbook of Excel, read as a stream: values as a CSV file would have them."""

from __future__ import annotations

import zlib
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from datetime import date, datetime, time
from pathlib import Path
from typing import TYPE_CHECKING, Final, cast
from xml.etree.ElementTree import ParseError
from zipfile import BadZipFile, ZipFile

from reelqueue.campaigns.limits import COLUMNS_MAX, WORKBOOK_PART_BYTES_MAX, WORKBOOK_ROWS_MAX, WORKBOOK_SHEET_BYTES_MAX
from reelqueue.campaigns.problem import CampaignFileError, Problem, Severity, remedy_for, shortened
from reelqueue.campaigns.rows.table import Cells, Table
from reelqueue.campaigns.rows.workbook_scan import SheetScan, UnreadableSheetError, scan_sheet
from reelqueue.errors import ConfigurationError

try:
    from openpyxl import load_workbook
    from openpyxl.utils.escape import unescape
    from openpyxl.utils.exceptions import InvalidFileException
except ModuleNotFoundError as _error:
    raise ConfigurationError("workbooks need openpyxl; run: pip install 'reelqueue[xlsx]'") from _error

if TYPE_CHECKING:
    from openpyxl.workbook import Workbook
    from openpyxl.worksheet.worksheet import Worksheet

_BROKEN: Final = (
    BadZipFile, EOFError, InvalidFileException, KeyError, IndexError, OverflowError, ParseError, TypeError, ValueError,
    zlib.error,
)  # fmt: skip
"""What openpyxl raises for a file that is no workbook, or a broken one."""
_CALCULATE: Final = "Open the workbook in the spreadsheet program, which calculates it, and save it again."
Scans = dict[str, SheetScan]
"""What there is in each sheet, by its place in the archive."""

_SHEETS: Final = "xl/worksheets/"
_PARTS_MAX: Final = 10_000
_EXACT: Final = 10**15
"""A spreadsheet keeps 15 digits of a number."""


@contextmanager
def open_workbook(path: Path, sheet: str | None) -> Iterator[Table]:
    """One sheet of a workbook.

    Formulas count by the values that were saved with them. Merged cells and formulas without a value are refused;
    hidden rows and columns are read as others, and told.

    Args:
        path: The workbook.
        sheet: Its name; None takes the only visible one that has cells.

    Raises:
        CampaignFileError: It is no workbook, larger than one may be, has no such sheet or several, or no heading.
    """
    with ExitStack() as opened:
        with _telling(path.name):
            archive = opened.enter_context(ZipFile(path))
            _check_sizes(path.name, archive)
            scans = _scan(archive)  # before anything of a sheet is kept in memory
            workbook = load_workbook(path, read_only=True, data_only=True, keep_links=False)
            opened.callback(workbook.close)
            table = _table(path.name, _chosen(path.name, workbook, scans, sheet), scans)
        yield table


@contextmanager
def _telling(file: str) -> Iterator[None]:
    """Say of what a broken workbook makes its reader raise which file it is and what to do."""
    try:
        yield
    except UnreadableSheetError as error:
        raise _refused(file, str(error)) from error
    except _BROKEN as error:
        raise _refused(file, f"it is no workbook that can be read ({type(error).__name__}: {error})") from error


def _check_sizes(file: str, archive: ZipFile) -> None:
    parts = archive.infolist()
    if len(parts) > _PARTS_MAX:
        raise _refused(file, f"it has {len(parts)} parts; {_PARTS_MAX} are the most")
    for part in parts:
        most = WORKBOOK_SHEET_BYTES_MAX if part.filename.startswith(_SHEETS) else WORKBOOK_PART_BYTES_MAX
        if part.file_size > most and part.filename.endswith((".xml", ".rels")):
            raise _refused(file, f"its part {part.filename[:80]!r} has {part.file_size} bytes; {most} are the most")


def _table(file: str, sheet: Worksheet, scans: Scans) -> Table:
    scan = scans[_path(sheet)]
    problems = list(_problems(file, sheet.title, scan))
    if scan.width > COLUMNS_MAX:
        raise _refused(file, f"the sheet {sheet.title!r} has {scan.width} columns; {COLUMNS_MAX} are the most")
    rows = _rows(file, sheet, max(scan.width, 1))
    for line, cells in rows:
        if any(cell.strip() for cell in cells):
            while not cells[-1].strip():  # columns that were only formatted
                cells.pop()
            return Table(cells, line, rows, problems=problems)
    raise _refused(file, f"the sheet {sheet.title!r} is empty; its first row names the columns")


def _chosen(file: str, workbook: Workbook, scans: Scans, wanted: str | None) -> Worksheet:
    sheets = cast("list[Worksheet]", workbook.worksheets)
    names = ", ".join(shortened(sheet.title) for sheet in sheets[:20])
    if wanted is not None:
        found = [sheet for sheet in sheets if sheet.title.strip().casefold() == wanted.strip().casefold()]
        if not found:
            raise _refused(file, f"it has no sheet {wanted[:80]!r}; there are {names}", "Say another --sheet.")
        return found[0]
    shown = [sheet for sheet in sheets if sheet.sheet_state == "visible"]
    filled = [sheet for sheet in shown if scans[_path(sheet)].has_cells]
    if len(filled) > 1:
        names = ", ".join(shortened(sheet.title) for sheet in filled[:20])
        raise _refused(file, f"it has several sheets: {names}", "Say which one: --sheet NAME.")
    if not filled:
        raise _refused(file, f"no visible sheet of it has any cell; there are {names}", "Say one: --sheet NAME.")
    return filled[0]


def _scan(archive: ZipFile) -> Scans:
    found = {}
    for name in archive.namelist():
        if name.startswith(_SHEETS) and name.endswith(".xml"):
            with archive.open(name) as stream:
                found[name] = scan_sheet(stream)
    return found


def _path(sheet: Worksheet) -> str:
    """Its place in the archive, for which openpyxl has no public name."""
    path: str = sheet._worksheet_path  # type: ignore[attr-defined]  # noqa: SLF001
    return path.lstrip("/")


def _problems(file: str, sheet: str, scan: SheetScan) -> Iterator[Problem]:
    refusals = (
        (scan.merged, "merged_cells", "the cells are merged, and only the first of them has the value"),
        (scan.uncalculated, "formula_error", "the formula has no value that was saved with it"),
    )
    for found, code, why in refusals:
        if found.count:
            yield _problem(file, code, f"sheet {sheet!r}, {found}: {why}", Severity.ERROR)
    for found, what in ((scan.hidden_rows, "rows"), (scan.hidden_columns, "columns")):
        if found.count:
            why = f"sheet {sheet!r}: hidden {what} are read like the others: {found}"
            yield _problem(file, "hidden_cells", why, Severity.WARNING)


def _rows(file: str, sheet: Worksheet, width: int) -> Iterator[tuple[int, Cells]]:
    found = enumerate(sheet.iter_rows(max_row=WORKBOOK_ROWS_MAX, max_col=width, values_only=True), start=1)
    while True:
        with _telling(file):
            line, values = next(found, (0, ()))
        if not line:
            return
        if any(value is not None for value in values):
            yield line, [_text(value) for value in values]


def _text(value: object) -> str:
    """A cell as a CSV file would have it."""
    match value:
        case None:
            return ""
        case bool():
            return "true" if value else "false"
        case float():
            if value.is_integer() and abs(value) < _EXACT:
                return str(int(value))
            return f"{value:e}" if abs(value) >= _EXACT else repr(value)
        case datetime():
            return (value.date() if value.time() == time() else value).isoformat()
        case date() | time():
            return value.isoformat()
        case str():
            return unescape(value) if "_x" in value else value  # _x000D_ is how a workbook writes a carriage return
        case _:
            return str(value)


def _problem(file: str, code: str, message: str, severity: Severity) -> Problem:
    remedy = _CALCULATE if code == "formula_error" else remedy_for(code)
    return Problem(file=file, code=code, message=message, remedy=remedy, severity=severity)


def _refused(file: str, why: str, remedy: str = "Save it again as .xlsx, or as CSV UTF-8.") -> CampaignFileError:
    return CampaignFileError(Problem(file=file, code="unreadable_file", message=why, remedy=remedy))
