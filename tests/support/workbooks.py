"""Workbooks as a spreadsheet program saves them."""

from __future__ import annotations

from collections.abc import Iterable
from io import BytesIO
from zipfile import ZIP_DEFLATED, ZipFile

from openpyxl import Workbook
from openpyxl.worksheet.worksheet import Worksheet


def workbook(*rows: Iterable[object], title: str = "Clips") -> Workbook:
    """One sheet with these rows."""
    book = Workbook()
    sheet = book.active
    assert isinstance(sheet, Worksheet)
    sheet.title = title
    for row in rows:
        sheet.append(list(row))
    return book


def saved(book: Workbook) -> bytes:
    """The file."""
    stream = BytesIO()
    book.save(stream)
    return stream.getvalue()


def with_sheet(book: bytes, xml: bytes) -> bytes:
    """The file with other XML for its first sheet."""
    stream = BytesIO()
    with ZipFile(BytesIO(book)) as old, ZipFile(stream, "w", ZIP_DEFLATED) as new:
        for name in old.namelist():
            new.writestr(name, xml if name == "xl/worksheets/sheet1.xml" else old.read(name))
    return stream.getvalue()
