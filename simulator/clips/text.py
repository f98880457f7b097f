"""Text for pictures: a font that has the letters, and lines that fit."""

from __future__ import annotations

import unicodedata
from functools import lru_cache
from typing import Final

from PIL import ImageFont

Font = ImageFont.FreeTypeFont | ImageFont.ImageFont

_FONTS: Final = (
    "DejaVuSans.ttf",
    "NotoSans-Regular.ttf",
    "NotoSansCJK-Regular.ttc",
    "wqy-zenhei.ttc",
    "Arial Unicode.ttf",
    "Arial.ttf",
)
"""Looked up where the system keeps its fonts; Pillow's own font, which knows Latin only, stands in for them."""
_NO_LETTER: Final = "\U0010ffff"
_SAMPLE_CHARACTERS: Final = 200


def clean(text: str) -> str:
    """*text* as something that can be drawn: lone surrogates, controls and line breaks removed."""
    encodable = text.encode("utf-8", "replace").decode()
    visible = (" " if unicodedata.category(letter)[0] in "CZ" else letter for letter in encodable)
    return " ".join("".join(visible).split())


def font_for(text: str, size_px: int) -> Font:
    """The font that lacks the fewest letters of *text*; what it lacks is drawn as boxes."""
    letters = frozenset(text[:_SAMPLE_CHARACTERS]) - {" "}
    fonts = _fonts(size_px)
    return min(fonts, key=lambda font: sum(not _has(font, letter) for letter in letters))


def wrap(text: str, font: Font, width_px: float, lines_max: int) -> list[str]:
    """*text* in at most *lines_max* lines that fit *width_px*; the last ends with an ellipsis if text is left."""
    lines: list[str] = []
    rest = text
    while rest and len(lines) < lines_max:
        line = _first_line(rest, font, width_px)
        rest = rest[len(line) :].lstrip()
        lines.append(line.rstrip())
    if rest:
        lines[-1] = lines[-1][:-1].rstrip() + "…"
    return lines


def _first_line(text: str, font: Font, width_px: float) -> str:
    fitting = _fitting_length(text, font, width_px)
    if fitting == len(text):
        return text
    # Break after the last space that fits; scripts without spaces break anywhere.
    space = text.rfind(" ", 0, fitting + 1)
    return text[: space + 1] if space > fitting // 3 else text[:fitting]


def _fitting_length(text: str, font: Font, width_px: float) -> int:
    low, high = 1, len(text)
    while low < high:
        middle = (low + high + 1) // 2
        low, high = (middle, high) if font.getlength(text[:middle]) <= width_px else (low, middle - 1)
    return low


@lru_cache(maxsize=64)
def _fonts(size_px: int) -> tuple[Font, ...]:
    found: list[Font] = []
    for name in _FONTS:
        try:
            found.append(ImageFont.truetype(name, size_px))
        except OSError:
            continue
    return (*found, ImageFont.load_default(size_px))


def _has(font: Font, letter: str) -> bool:
    return bytes(font.getmask(letter)) != bytes(font.getmask(_NO_LETTER))
