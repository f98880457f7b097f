"""Detect truncated images, which the provider would render, and bill, as what is left of them."""

from __future__ import annotations

import re
import struct
from collections.abc import Callable, Mapping
from typing import Final

_JPEG_MARKER: Final = re.compile(rb"\xff+([^\x00\xff\xd0-\xd7])", re.DOTALL)
"""In entropy-coded data, FF 00 stands for the byte FF, and FF D0 to FF D7 are restarts."""
_JPEG_END: Final = b"\xd9"
_JPEG_BARE: Final = frozenset({b"\x01", b"\xd8"})
"""Markers without a length; restarts are among the data."""
_BMP_UNCOMPRESSED: Final = frozenset({0, 3, 6})
_BMP_OLDEST_HEADER_BYTES: Final = 12


def is_whole(mime: str, content: bytes) -> bool:
    """Whether *content*, which begins as a picture of type *mime*, reaches to that picture's end.

    What stands behind the end does not count: cameras append previews there.
    """
    try:
        return _ENDS[mime](content) <= len(content)
    except (struct.error, IndexError):
        return False


def _png_end(content: bytes) -> int:
    at = 8
    while True:
        length, kind = struct.unpack_from(">I4s", content, at)
        at += 12 + int(length)
        if kind == b"IEND":
            return at


def _jpeg_end(content: bytes) -> int:
    at = 2
    while (found := _JPEG_MARKER.search(content, at)) is not None:
        if found[1] == _JPEG_END:
            return found.end()
        at = found.end()
        if found[1] not in _JPEG_BARE:
            # A segment may hold a preview picture with an end of its own.
            (length,) = struct.unpack_from(">H", content, at)
            at += length
    raise IndexError("no end marker")


def _webp_end(content: bytes) -> int:
    (length,) = struct.unpack_from("<I", content, 4)
    return 8 + int(length)


def _bmp_end(content: bytes) -> int:
    first, header_bytes = struct.unpack_from("<II", content, 10)
    if header_bytes == _BMP_OLDEST_HEADER_BYTES:
        width, height, _planes, bits = struct.unpack_from("<HHHH", content, 18)
        compression, stated = 0, 0
    else:
        width, height, _planes, bits, compression, stated = struct.unpack_from("<iiHHII", content, 18)
    if compression not in _BMP_UNCOMPRESSED:
        return int(first + stated)
    return int(first + (width * bits + 31) // 32 * 4 * abs(height))


_ENDS: Final[Mapping[str, Callable[[bytes], int]]] = {
    "image/png": _png_end,
    "image/jpeg": _jpeg_end,
    "image/webp": _webp_end,
    "image/bmp": _bmp_end,
}
