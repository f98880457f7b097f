"""Words on a contact sheet: each character in the first typeface that has it.

Pillow brings a typeface for Latin letters, so that a sheet looks the same on every host; for others it needs what
the host has. Nothing is downloaded, and no font file is part of this project.
"""

from __future__ import annotations

from collections.abc import Iterator
from functools import lru_cache
from itertools import groupby
from pathlib import Path
from typing import Final

from PIL import ImageDraw, ImageFont

from reelqueue.errors import ConfigurationError

TYPEFACES: Final = (
    # Cyrillic, Greek, Arabic and others.
    "/usr/share/fonts/truetype/dejavu/DejaVuSans.ttf",  # Debian: fonts-dejavu-core
    "/usr/share/fonts/dejavu-sans-fonts/DejaVuSans.ttf",
    "/usr/share/fonts/TTF/DejaVuSans.ttf",
    # Chinese, Japanese and Korean.
    "/usr/share/fonts/opentype/noto/NotoSansCJK-Regular.ttc",  # Debian: fonts-noto-cjk
    "/usr/share/fonts/google-noto-sans-cjk-fonts/NotoSansCJK-Regular.ttc",
    "/usr/share/fonts/noto-cjk/NotoSansCJK-Regular.ttc",
    "/usr/share/fonts/truetype/droid/DroidSansFallbackFull.ttf",  # Debian: fonts-droid-fallback
    "/usr/share/fonts/truetype/wqy/wqy-microhei.ttc",  # Debian: fonts-wqy-microhei
    "/System/Library/Fonts/PingFang.ttc",
    "/System/Library/Fonts/Hiragino Sans GB.ttc",
    "/Library/Fonts/Arial Unicode.ttf",
)
"""Where systems keep what Pillow's own typeface lacks, the better ones first."""

UNKNOWN: Final = "?"
"""Stands for a character that no typeface here has: a row of empty boxes says less."""

_NOWHERE: Final = "\uffff"  # no character, so every typeface draws what it has for those that it lacks
_PROBE_PX: Final = 16


class Lettering:
    """Writes in one size."""

    def __init__(self, size_px: float) -> None:
        self.size_px = size_px
        self._fonts = [_opened(path, size_px) for path in _found()]

    def length(self, words: str) -> float:
        """How wide words are, in pixels."""
        return sum(font.getlength(run) for font, run in self._runs(words))

    def write(self, pen: ImageDraw.ImageDraw, at: tuple[float, float], words: str, colour: str) -> None:
        """Write a line.

        Args:
            pen: Of the sheet.
            at: The upper left of its first letter.
            words: Written as they are; see `fitted`.
            colour: As Pillow takes it.
        """
        x, base = at[0], at[1] + self._fonts[0].getmetrics()[0]
        for font, run in self._runs(words):
            pen.text((x, base), run, colour, font, anchor="ls")  # all typefaces stand on one line
            x += font.getlength(run)

    def fitted(self, words: str, width_px: float) -> str:
        """*words* on one line, cut where they are too long."""
        line = " ".join(words.split())
        if self.length(line) <= width_px:
            return line
        return f"{self._cut(line, width_px - self.length('…'))}…"

    def wrapped(self, words: str, width_px: float, lines: int) -> Iterator[str]:
        """*words* on a few lines, the last of which is cut where there are more."""
        rest = " ".join(words.split())
        for line in range(lines):
            if not rest:
                return
            if line == lines - 1 or self.length(rest) <= width_px:
                yield self.fitted(rest, width_px)
                return
            taken = len(self._cut(rest, width_px))
            space = rest.rfind(" ", 0, taken + 1)
            end = space if space > 0 else max(taken, 1)
            yield rest[:end]
            rest = rest[end:].lstrip()

    def _cut(self, line: str, width_px: float) -> str:
        low, high = 0, min(len(line), 500)
        while low < high:
            middle = (low + high + 1) // 2
            low, high = (middle, high) if self.length(line[:middle]) <= width_px else (low, middle - 1)
        return line[:low]

    def _runs(self, words: str) -> Iterator[tuple[ImageFont.FreeTypeFont, str]]:
        """Parts that one typeface writes."""
        faces = [(_face_of(character), character) for character in words]
        for face, pairs in groupby(faces, key=lambda pair: pair[0]):
            run = "".join(character for _, character in pairs)
            yield (self._fonts[0], UNKNOWN * len(run)) if face is None else (self._fonts[face], run)


def is_writable(words: str) -> bool:
    """Whether a typeface here has every character."""
    return all(_face_of(character) is not None for character in words)


@lru_cache(maxsize=1)
def _found() -> tuple[str | None, ...]:
    """The typefaces of this host; None is Pillow's own."""
    return (None, *(path for path in TYPEFACES if Path(path).is_file()))


@lru_cache(maxsize=64)
def _opened(path: str | None, size_px: float) -> ImageFont.FreeTypeFont:
    font = ImageFont.load_default(size_px) if path is None else ImageFont.truetype(path, size_px)
    if not isinstance(font, ImageFont.FreeTypeFont):
        raise ConfigurationError(
            "this Pillow was built without FreeType and cannot write on a sheet; install its wheel"
        )
    return font


@lru_cache(maxsize=50_000)
def _face_of(character: str) -> int | None:
    """The first typeface that has a character, by its place; None: none has it."""
    for face, path in enumerate(_found()):
        drawn = bytes(_opened(path, _PROBE_PX).getmask(character))
        if drawn != _lacking(path):
            return face
    return None


@lru_cache(maxsize=16)
def _lacking(path: str | None) -> bytes:
    """What a typeface draws for a character that it lacks."""
    return bytes(_opened(path, _PROBE_PX).getmask(_NOWHERE))
