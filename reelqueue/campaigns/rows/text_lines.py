"""Lines of a text file as spreadsheets and editors write them, with their numbers."""

from __future__ import annotations

import codecs
import re
from collections.abc import Iterator
from contextlib import contextmanager
from io import TextIOWrapper
from pathlib import Path
from typing import BinaryIO, Final, TextIO

from reelqueue.campaigns.limits import LINE_CHARACTERS_MAX
from reelqueue.campaigns.problem import CampaignFileError, Problem

_BOMS: Final = (
    (codecs.BOM_UTF8, "utf-8-sig"),
    (codecs.BOM_UTF16_LE, "utf-16"),
    (codecs.BOM_UTF16_BE, "utf-16"),
)
_FOREIGN: Final = (
    (codecs.BOM_UTF32_LE, "text in UTF-32"),
    (b"PK\x03\x04", "an Excel workbook (then it is to end in .xlsx) or another zip file"),
    (b"\xd0\xcf\x11\xe0", "an old Excel workbook"),
    (b"\x1f\x8b", "a gzip file"),
    (b"%PDF", "a PDF"),
)
_SAVE_AS: Final = "In Excel: Save As, CSV UTF-8 (Comma delimited)."
_ESCAPED_BYTE: Final = re.compile(r"[\udc80-\udcff]")


@contextmanager
def open_text(path: Path, encoding: str | None = None) -> Iterator[TextIO]:
    """The file as text whose line ends stand as they are.

    Bytes that are no UTF-8 become lone surrogates, which `undecodable` finds in their row: a file in another
    encoding has a problem in each row that shows it, and not one at its first byte.

    Args:
        path: The file.
        encoding: Of its text; None looks at its first bytes, and takes UTF-8 unless they say otherwise.

    Raises:
        CampaignFileError: It is no text, or no such encoding.
    """
    with path.open("rb") as stream:
        found = encoding or _encoding(path, stream)
        errors = "surrogateescape" if found in {"utf-8", "utf-8-sig"} else "strict"
        try:
            text = TextIOWrapper(stream, encoding=found, errors=errors, newline="")
        except LookupError as error:
            raise _refused(path, f"{found!r} is no encoding", "Give one such as utf-8 or cp1252.") from error
        yield text


def _encoding(path: Path, stream: BinaryIO) -> str:
    head = stream.read(4096)
    stream.seek(0)
    for magic, what in _FOREIGN:
        if head.startswith(magic):
            raise _refused(path, f"it is {what}, not a text file", _SAVE_AS)
    for bom, encoding in _BOMS:
        if head.startswith(bom):
            return encoding
    if b"\x00" in head:
        raise _refused(path, "it holds NUL bytes: it is binary, or UTF-16 that does not say so", _SAVE_AS)
    return "utf-8"


def _refused(path: Path, message: str, remedy: str) -> CampaignFileError:
    return CampaignFileError(Problem(file=path.name, code="unreadable_file", message=message, remedy=remedy))


class Lines(Iterator[str]):
    """The lines of a text, counted, none longer than memory bears."""

    def __init__(self, file: str, stream: TextIO) -> None:
        self.count: int = 0
        """Lines handed out so far."""
        self._file = file
        self._stream = stream

    def __next__(self) -> str:
        try:
            line = self._stream.readline(LINE_CHARACTERS_MAX)
        except UnicodeError as error:
            raise undecoded(self._file, error, self.count + 1) from error
        if not line:
            raise StopIteration
        self.count += 1
        if len(line) >= LINE_CHARACTERS_MAX:
            raise CampaignFileError(
                Problem(
                    file=self._file,
                    line=self.count,
                    code="too_long",
                    message=f"the line has more than {LINE_CHARACTERS_MAX} characters; the rest is not read",
                    remedy="Split the file into lines of one row each.",
                )
            )
        return line


def undecoded(file: str, error: UnicodeError, line: int | None = None) -> CampaignFileError:
    """The refusal of a text that is not in the encoding that it was said to have."""
    problem = Problem(
        file=file,
        line=line,
        code="unreadable_file",
        message=f"the file cannot be read on from here: {error}",
        remedy="Save it as UTF-8, or say its encoding.",
    )
    return CampaignFileError(problem)


def undecodable(text: str) -> tuple[str, str] | None:
    """What is wrong with the encoding of *text*, and a guess at the words meant; None if nothing is."""
    if text.isascii():
        return None
    found = _ESCAPED_BYTE.search(text)
    if found is None:
        return None
    near = text[max(0, found.start() - 12) : found.end() + 12].encode(errors="surrogateescape")
    byte = ord(found[0]) - 0xDC00
    return f"the byte 0x{byte:02X} is no UTF-8", near.decode("cp1252", errors="replace")
