"""Files beside a campaign file that help to repair it: every problem, and a copy of the bad rows.

Both open in a spreadsheet, and no cell of them runs there as a formula. The copy is a campaign file of its own: its
rows can be corrected and applied, and its first column says what is wrong with each.
"""

from __future__ import annotations

import csv
import filecmp
import json
from collections.abc import Iterable, Mapping, Sequence
from contextlib import ExitStack
from pathlib import Path
from types import TracebackType
from typing import Any, Final, Self, TextIO

from reelqueue.campaigns.open_file import MANIFESTS
from reelqueue.campaigns.problem import Problem
from reelqueue.campaigns.rows.csv_dialect import escaped
from reelqueue.campaigns.rows.csv_rows import Spreadsheet
from reelqueue.campaigns.rows.origin import PROBLEM_HEADING, ROW_HEADING
from reelqueue.campaigns.rows.row import Record, RecordSource

ERROR_HEADINGS: Final = (
    "file", "line", "column", "letter", "custom_id", "severity", "code", "seen", "message", "remedy",
)  # fmt: skip
"""Columns of the file of problems: the fields of `Problem`."""


class RepairFiles:
    """Takes problems and bad rows; the files appear when it closes, and only if there is something in them."""

    def __init__(self, path: Path) -> None:
        """Write nothing yet.

        Args:
            path: The campaign file; ``autumn.csv`` gets ``autumn.errors.csv`` and ``autumn.bad.csv`` beside it.
        """
        self.errors_path = path.with_name(f"{path.stem}.errors.csv")
        self._folder = path.parent
        self.bad_path: Path | None = None
        """The copy of the bad rows; None while there are none, or where they stand in the manifest itself."""
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
            # Somebody may be correcting the last copy: it is kept under another name.
            if self.bad_path.exists() and not filecmp.cmp(self.bad_path, _partial(self.bad_path), shallow=False):
                _retire(self.bad_path)
            _partial(self.bad_path).replace(self.bad_path)

    def problem(self, problem: Problem) -> None:
        """Write one problem."""
        if self._errors is None:
            self._errors = csv.writer(self._write(self.errors_path))
            self._errors.writerow(ERROR_HEADINGS)
        values = (getattr(problem, name) for name in ERROR_HEADINGS)
        self._errors.writerow("" if value is None else escaped(str(value)) for value in values)

    def bad_record(self, source: RecordSource, record: Record, problems: Sequence[Problem]) -> None:
        """Copy one bad row, unless it is corrected where it is: in a manifest, or in an earlier copy."""
        is_in_place = record.origin is not None or Path(source.file).suffix.lower() in MANIFESTS
        if is_in_place or not record.original:
            return
        if self._bad is None:
            sheet = source if isinstance(source, Spreadsheet) else None
            self.bad_path = self._folder / f"{Path(source.file).stem}.bad.{'csv' if sheet else 'jsonl'}"
            self._bad = _Rows(self._write(self.bad_path), sheet)
        self._bad.write(record, "; ".join(dict.fromkeys(problem.message for problem in problems)))

    def _write(self, path: Path) -> TextIO:
        # The mark at its beginning tells Excel that it is UTF-8; JSON must not have one.
        encoding = "utf-8-sig" if path.suffix == ".csv" else "utf-8"
        stream = _partial(path).open("w", encoding=encoding, errors="replace", newline="")
        return self._open.enter_context(stream)


class _Rows:
    """A copy of rows in their own format, each with what is wrong with it and with its line."""

    def __init__(self, stream: TextIO, source: Spreadsheet | None) -> None:
        self._stream = stream
        self._csv: Any = None
        if source is not None:
            self._csv = csv.writer(stream, delimiter=source.delimiter)
            self._write_cells([PROBLEM_HEADING, ROW_HEADING, *source.heading])

    def write(self, record: Record, why: str) -> None:
        if isinstance(record.original, Mapping):
            own = {key: value for key, value in record.original.items() if key not in {PROBLEM_HEADING, ROW_HEADING}}
            row = {PROBLEM_HEADING: why, ROW_HEADING: record.line} | own
            self._stream.write(f"{json.dumps(row)}\n")
        else:
            self._write_cells([why, str(record.line or ""), *record.original])

    def _write_cells(self, cells: Iterable[str]) -> None:
        self._csv.writerow(map(escaped, cells))


def _partial(path: Path) -> Path:
    return path.with_name(f".{path.name}.partial")


def _retire(path: Path) -> None:
    if path.exists():
        path.replace(path.with_name(f"{path.name}~"))
