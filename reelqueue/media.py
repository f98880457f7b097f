"""Local pictures as data URIs, so that a request needs no web server for its first frame.

Only a producer reads files: the types take a ``pathlib.Path`` or ``bytes``, which no JSON can carry, and
``parse_request`` reads a path in a string only when told to.
"""

from __future__ import annotations

import base64
from pathlib import Path
from typing import Final
from urllib.parse import unquote, urlsplit

from reelqueue.catalog.spec import MIB
from reelqueue.errors import InvalidRequestError

EMBEDDED_BYTES_MAX: Final = 15 * MIB
"""Base64 of this is 20 MiB, the longest item that the service's gateway lets through."""

_MAGIC: Final = (
    (b"\xff\xd8\xff", "image/jpeg"),
    (b"\x89PNG\r\n\x1a\n", "image/png"),
    (b"BM", "image/bmp"),
)
_PNG_COLOUR_TYPE_AT: Final = 25
_PNG_WITH_ALPHA: Final = frozenset({4, 6})


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
    mime = sniff(content)
    if mime is None:
        raise InvalidRequestError(
            "unknown_media_type", f"{field}: {name} is neither JPEG, PNG, BMP nor WEBP by its first bytes", field
        )
    if mime == "image/png" and _has_alpha(content):
        raise InvalidRequestError(
            "png_with_alpha", f"{field}: {name} is a PNG with an alpha channel; save it without transparency", field
        )
    return f"data:{mime};base64,{base64.b64encode(content).decode('ascii')}"


def local_path(text: str) -> Path | None:
    """The file that *text* names: a ``file://`` URL or a path; None where it is any other URL."""
    scheme = urlsplit(text).scheme.lower() if ":" in text[:32] else ""
    if scheme == "file":
        return Path(unquote(urlsplit(text).path))
    # One letter before a colon is a Windows drive.
    return None if len(scheme) > 1 else Path(text)


def sniff(content: bytes) -> str | None:
    """The MIME type of a picture by its first bytes; None for anything that the service cannot read."""
    for magic, mime in _MAGIC:
        if content.startswith(magic):
            return mime
    return "image/webp" if content[:4] == b"RIFF" and content[8:12] == b"WEBP" else None


def _read(path: Path, field: str) -> bytes:
    try:
        with path.open("rb") as file:
            # One byte more than allowed tells "too big" without reading a film.
            return file.read(EMBEDDED_BYTES_MAX + 1)
    except (OSError, ValueError) as error:
        why = error.strerror if isinstance(error, OSError) and error.strerror else str(error)
        raise InvalidRequestError("unreadable_file", f"{field}: cannot read {path}: {why}", field) from error


def _has_alpha(content: bytes) -> bool:
    return len(content) > _PNG_COLOUR_TYPE_AT and content[_PNG_COLOUR_TYPE_AT] in _PNG_WITH_ALPHA
