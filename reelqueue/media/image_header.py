"""Read an image's type, size in pixels and alpha channel from its first bytes."""

from __future__ import annotations

import struct
from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

_JPEG_FRAMES: Final = frozenset(range(0xC0, 0xD0)) - {0xC4, 0xC8, 0xCC}
"""Markers of a frame header, which holds the size; the three others in that range do not."""
_PNG_WITH_ALPHA: Final = frozenset({4, 6})


@dataclass(frozen=True, slots=True)
class Picture:
    """A picture's header."""

    mime: str
    width_px: int | None = None
    """None where the header does not reach that far."""
    height_px: int | None = None
    has_alpha: bool = False


def read_picture(head: bytes) -> Picture | None:
    """The header of a JPEG, PNG, BMP or WEBP picture; None for anything else."""
    for magic, read in _READERS:
        if head.startswith(magic):
            try:
                return read(head)
            except (struct.error, IndexError):
                return Picture(_MIMES[magic])
    return None


def _png(head: bytes) -> Picture:
    width, height, _depth, colour = struct.unpack_from(">IIBB", head, 16)
    return Picture("image/png", width, height, colour in _PNG_WITH_ALPHA)


def _bmp(head: bytes) -> Picture:
    width, height = struct.unpack_from("<ii", head, 18)
    # A negative height means that the rows run from the top.
    return Picture("image/bmp", abs(width), abs(height))


def _jpeg(head: bytes) -> Picture:
    at = 2
    while head[at] == 0xFF:
        marker, length = struct.unpack_from(">BH", head, at + 1)
        if marker in _JPEG_FRAMES:
            height, width = struct.unpack_from(">HH", head, at + 5)
            return Picture("image/jpeg", width, height)
        at += 2 + length
    return Picture("image/jpeg")


def _webp(head: bytes) -> Picture | None:
    kind = head[12:16]
    if head[8:12] != b"WEBP":
        return None
    if kind == b"VP8X":
        width, height = (int.from_bytes(head[at : at + 3], "little") + 1 for at in (24, 27))
        return Picture("image/webp", width, height)
    if kind == b"VP8L":
        (bits,) = struct.unpack_from("<I", head, 21)
        return Picture("image/webp", (bits & 0x3FFF) + 1, (bits >> 14 & 0x3FFF) + 1)
    width, height = struct.unpack_from("<HH", head, 26)
    return Picture("image/webp", width & 0x3FFF, height & 0x3FFF)


_READERS: Final[tuple[tuple[bytes, Callable[[bytes], Picture | None]], ...]] = (
    (b"\xff\xd8\xff", _jpeg),
    (b"\x89PNG\r\n\x1a\n", _png),
    (b"BM", _bmp),
    (b"RIFF", _webp),
)
_MIMES: Final = {
    b"\xff\xd8\xff": "image/jpeg",
    b"\x89PNG\r\n\x1a\n": "image/png",
    b"BM": "image/bmp",
    b"RIFF": "image/webp",
}
