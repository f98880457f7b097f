"""Local pictures as data URIs, so that a request needs no web server for its first frame.

Only a producer reads files: the types take a ``pathlib.Path`` or ``bytes``, which no JSON can carry, and
``parse_request`` reads a path in a string only when told to.
"""

from __future__ import annotations

import base64
import binascii
import re
from dataclasses import dataclass
from pathlib import Path
from typing import Final
from urllib.parse import unquote

from reelqueue.catalog.spec import MIB
from reelqueue.errors import InvalidRequestError
from reelqueue.media.image_header import Picture, read_picture
from reelqueue.media.picture_end import is_whole

EMBEDDED_BYTES_MAX: Final = 15 * MIB
"""Base64 of this is 20 MiB, the longest item that the service's gateway lets through."""

EMBEDDED_BYTES_MAX_TOTAL: Final = 16 * MIB
"""Every embedded item of one request together, decoded.

Source: Alibaba Cloud Model Studio, rate limits page, read 2026-11.
"""

_SCHEME: Final = re.compile(r"[a-z][a-z0-9+.-]+:", re.IGNORECASE)
"""Two letters at least: one before a colon is a Windows drive."""

_CELL_CHARACTERS_MAX: Final = 32_767
"""Of a cell in Excel and its like."""

_HEAD_CHARACTERS: Final = 87_384
"""64 KiB decoded: a JPEG's size stands behind its preview picture."""


@dataclass(frozen=True, slots=True)
class Embedded:
    """What a data URI holds."""

    size_bytes: int
    picture: Picture | None
    """None for anything but a picture that the service reads."""


def data_uri(source: bytes | Path, *, field: str = "image") -> str:
    """The picture as ``data:<mime>;base64,...``, its type read from its first bytes.

    Args:
        source: The picture or where it is; a URL is never fetched.
        field: The option that an error names.

    Raises:
        InvalidRequestError: It cannot be read, is empty or too big, or is no picture that the service reads.
    """
    name, content = ("the picture", source) if isinstance(source, bytes) else (str(source), _read(source, field))
    if not content:
        raise InvalidRequestError("empty_file", f"{field}: {name} is empty; give a picture", field)
    if len(content) > EMBEDDED_BYTES_MAX:
        raise InvalidRequestError(
            "file_too_large",
            f"{field}: {name} has more than {EMBEDDED_BYTES_MAX} bytes, the most that fits into a request; "
            "put it on a web server or into a bucket and give its URL",
            field,
        )
    picture = read_picture(content)
    if picture is None:
        raise InvalidRequestError(
            "unknown_media_type", f"{field}: {name} is neither JPEG, PNG, BMP nor WEBP by its first bytes", field
        )
    if not is_whole(picture.mime, content):
        why = f"{field}: {name} ends before its picture does, after {len(content)} bytes; export or copy it again"
        raise InvalidRequestError("cut_picture", why, field)
    return f"data:{picture.mime};base64,{base64.b64encode(content).decode('ascii')}"


def read_embedded(uri: str) -> Embedded:
    """What a data URI holds, from its length and its first 64 KiB.

    Raises:
        ValueError: It is not ``data:<mime>;base64,<data>``.
    """
    header, comma, data = uri.partition(",")
    if not comma or not header.lower().endswith(";base64") or "/" not in header:
        raise ValueError("a data URI must read data:<mime>;base64,<data>")
    try:
        head = base64.b64decode(data[:_HEAD_CHARACTERS], validate=True)
    except binascii.Error as error:
        raise ValueError(f"the data URI's base64 cannot be read: {error}{_cell(uri)}") from error
    if not head:
        raise ValueError("the data URI is empty")
    return Embedded(len(data) * 3 // 4 - data[-2:].count("="), read_picture(head))


def check_whole(uri: str) -> None:
    """Check that the picture in a readable data URI is all there; what is no picture is not looked at.

    Raises:
        ValueError: It is cut.
    """
    picture = read_embedded(uri).picture
    if picture is None:
        return
    try:
        content = base64.b64decode(uri.partition(",")[2], validate=True)
    except binascii.Error:
        content = b""
    if is_whole(picture.mime, content):
        return
    raise ValueError(
        f"the data URI ends before its picture does, after {len(uri)} characters{_cell(uri)}; "
        "give the picture's path or its URL, or embed it again"
    )


def _cell(uri: str) -> str:
    if len(uri) != _CELL_CHARACTERS_MAX:
        return ""
    return f", the {_CELL_CHARACTERS_MAX:,} that a cell of a spreadsheet holds: it cuts what is longer"


def local_path(text: str) -> Path | None:
    """The file that *text* names: a ``file://`` URL or a path; None where it is any other URL."""
    if text[:7].lower() == "file://":
        return Path(unquote(text[7:].removeprefix("localhost")))
    return None if _SCHEME.match(text) else Path(text)


def _read(path: Path, field: str) -> bytes:
    try:
        with path.open("rb") as file:
            # One byte more than allowed tells "too big" without reading a film.
            return file.read(EMBEDDED_BYTES_MAX + 1)
    except (OSError, ValueError) as error:
        why = error.strerror if isinstance(error, OSError) and error.strerror else str(error)
        raise InvalidRequestError("unreadable_file", f"{field}: cannot read {path}: {why}", field) from error
