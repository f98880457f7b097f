"""Rows written as a workbook of Excel: every cell a text or a number, none a formula."""

from __future__ import annotations

import re
from collections.abc import Iterable
from pathlib import Path
from typing import BinaryIO, Final

from reelqueue.errors import ConfigurationError

try:
    from openpyxl import Workbook
    from openpyxl.cell import WriteOnlyCell
except ModuleNotFoundError as _error:
    raise ConfigurationError("workbooks need openpyxl; run: pip install 'reelqueue[xlsx]'") from _error

CELL_CHARACTERS_MAX: Final = 32_767
"""Excel's; more is cut off without a word."""
_FORBIDDEN: Final = re.compile(r"[\x00-\x08\x0b\x0c\x0e-\x1f\ud800-\udfff\ufffe\uffff]")
_ESCAPED: Final = re.compile(r"_(?=x[0-9A-Fa-f]{4}_)|\r")


class WorkbookFile:
    """One sheet; it is written when it closes."""

    def __init__(self, target: Path | BinaryIO) -> None:
        """Write nothing yet."""
        self._target = target
        self._book = Workbook(write_only=True)
        self._sheet = self._book.create_sheet("Clips")

    def write(self, cells: Iterable[str | float]) -> None:
        """Write a row; texts stay texts, also ``007`` and ``=1+1``, and none is longer than a cell may be."""
        self._sheet.append([self._cell(value) for value in cells])

    def close(self) -> None:
        """Write the file."""
        self._book.save(self._target)

    def _cell(self, value: str | float) -> object:
        if not isinstance(value, str) or not value:
            return value if isinstance(value, (int, float)) else None
        text = _FORBIDDEN.sub("\N{REPLACEMENT CHARACTER}", value)
        cell = WriteOnlyCell(self._sheet, value=_ESCAPED.sub(_escape, text))
        cell.data_type = "s"  # also of what looks like a formula
        return cell


def _escape(found: re.Match[str]) -> str:
    return "_x005F_" if found[0] == "_" else "_x000D_"
