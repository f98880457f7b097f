"""Write repair files beside a campaign file: a list of all problems, and a copy of the bad rows.

Both open in a spreadsheet, and no cell of them runs there as a formula. The copy is a campaign file of its own: its
rows can be corrected and applied, and its first column says what is wrong with each.
"""

from __future__ import annotations

import csv
import filecmp
import json
from collections.abc import Callable, Mapping, Sequence
from contextlib import ExitStack
from pathlib import Path
from types import TracebackType
from typing import Any, Final, Self, TextIO

from reelqueue.campaigns.open_file import MANIFESTS, WORKBOOKS
from reelqueue.campaigns.problem import Problem
from reelqueue.campaigns.rows.csv_dialect import escaped
from reelqueue.campaigns.rows.csv_rows import Spreadsheet
from reelqueue.campaigns.rows.origin import PROBLEM_HEADING, ROW_HEADING
from reelqueue.campaigns.rows.row import Record, RecordSource
from reelqueue.schemas.campaigns import CsvStyle

ERROR_HEADINGS: Final = (
    "file", "line", "column", "letter", "custom_id", "severity", "code", "seen", "message", "remedy",
)  # fmt: skip
"""Columns of the file of problems: the fields of `Problem`."""

_WHY_CHARACTERS_MAX: Final = 10_000
"""Of what is wrong with one row; a cell of a workbook holds three times as many."""


class RepairFiles:
    """Collects problems and bad rows; the files appear when it is closed, and only if they are not empty."""

    def __init__(self, path: Path) -> None:
        """Write nothing yet.

        Args:
            path: The campaign file; ``autumn.csv`` gets ``autumn.errors.csv`` and ``autumn.bad.csv`` beside it.
        """
        self.errors_path: Path = path.with_name(f"{path.stem}.errors.csv")
        self._folder = path.parent
        self.bad_path: Path | None = None
        """The copy of the bad rows; None while there are none, or where they stand in the manifest itself."""
        self._style = CsvStyle()
        self._open = ExitStack()
        self._errors: Any = None
        self._bad: _Rows | None = None

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._open.close()
        if kind is not None:  # half of the problems are worse than those of the last time
            _partial(self.errors_path).unlink(missing_ok=True)
            if self.bad_path is not None:
                _partial(self.bad_path).unlink(missing_ok=True)
            return
        if self._errors is None:
            _retire(self.errors_path)
        else:
            _partial(self.errors_path).replace(self.errors_path)
        if self.bad_path is not None:
            # A user may be correcting the last copy: it is kept under another name.
            if self.bad_path.exists() and not filecmp.cmp(self.bad_path, _partial(self.bad_path), shallow=False):
                _retire(self.bad_path)
            _partial(self.bad_path).replace(self.bad_path)

    def begin(self, source: RecordSource) -> None:
        """Write as the file is written that is read: its author's program opens these, too."""
        self._style = (source.csv_style if isinstance(source, Spreadsheet) else None) or CsvStyle()

    def problem(self, problem: Problem) -> None:
        """Write one problem."""
        if self._errors is None:
            self._errors = csv.writer(self._write(self.errors_path), delimiter=self._style.delimiter)
            self._errors.writerow(ERROR_HEADINGS)
        values = (getattr(problem, name) for name in ERROR_HEADINGS)
        self._errors.writerow("" if value is None else escaped(str(value)) for value in values)

    def bad_record(self, source: RecordSource, record: Record, problems: Sequence[Problem]) -> None:
        """Copy one bad row, unless it is corrected where it is: in a manifest, or in an earlier copy."""
        is_in_place = record.origin is not None or Path(source.file).suffix.lower() in MANIFESTS
        if is_in_place or not record.original:
            return
        if self._bad is None:
            self._bad = self._begin_copy(source)
        self._bad.write(record, "; ".join(dict.fromkeys(problem.message for problem in problems)))

    def _begin_copy(self, source: RecordSource) -> _Rows:
        """A file like the one that is copied from: what its producer's program opens."""
        name = Path(source.file)
        if not isinstance(source, Spreadsheet):
            self.bad_path = self._folder / f"{name.stem}.bad.jsonl"
            return _Rows(None, self._write(self.bad_path))
        if name.suffix.lower() not in WORKBOOKS:
            self.bad_path = self._folder / f"{name.stem}.bad.csv"
            table = csv.writer(self._write(self.bad_path), delimiter=self._style.delimiter)
            return _Rows(source, write=lambda cells: table.writerow(map(escaped, cells)))
        from reelqueue.campaigns.report.workbook_file import WorkbookFile

        self.bad_path = self._folder / f"{name.stem}.bad.xlsx"
        book = WorkbookFile(_partial(self.bad_path))
        self._open.callback(book.close)
        return _Rows(source, write=book.write)

    def _write(self, path: Path) -> TextIO:
        # JSON must not have the mark; whatever else the file was in, its copies are UTF-8, which needs no option.
        encoding = "utf-8-sig" if path.suffix == ".csv" and self._style.has_byte_order_mark else "utf-8"
        stream = _partial(path).open("w", encoding=encoding, errors="replace", newline="")
        return self._open.enter_context(stream)


class _Rows:
    """A copy of rows in their own format, each with what is wrong with it and with its line."""

    def __init__(
        self,
        source: Spreadsheet | None,
        stream: TextIO | None = None,
        write: Callable[[list[str]], object] | None = None,
    ) -> None:
        self._stream = stream
        self._write_cells = write
        if source is not None and write is not None:
            write([PROBLEM_HEADING, ROW_HEADING, *source.heading])

    def write(self, record: Record, why: str) -> None:
        if self._stream is not None and isinstance(record.original, Mapping):
            own = {key: value for key, value in record.original.items() if key not in {PROBLEM_HEADING, ROW_HEADING}}
            row = {PROBLEM_HEADING: why, ROW_HEADING: record.line} | own
            self._stream.write(f"{json.dumps(row)}\n")
        elif self._write_cells is not None and isinstance(record.original, Sequence):
            self._write_cells([why[:_WHY_CHARACTERS_MAX], str(record.line or ""), *record.original])


def _partial(path: Path) -> Path:
    return path.with_name(f".{path.name}.partial")


def _retire(path: Path) -> None:
    if path.exists():
        path.replace(path.with_name(f"{path.name}~"))
