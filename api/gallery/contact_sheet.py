"""A campaign's contact sheet to print or to send: one PNG, or a PDF of several pages."""

from __future__ import annotations

import io
import math
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from PIL import Image, ImageDraw, ImageOps

from api.gallery.fonts import Lettering, is_writable
from api.gallery.tiles import Gallery, Tile
from api.gallery.wording import money_words, state_words
from reelqueue.states import RenderState

_PAPER: Final = "#f6f4ef"
_FILM: Final = "#e4e0d8"
_INK: Final = "#1c1a17"
_QUIET: Final = "#625d55"
_AMBER: Final = "#8a5a0b"
_BAD: Final = "#a8321f"
_MARKS: Final = {"approve": "#14833b", "reject": "#c8321c"}

_FADED: Final = 140
"""Of 255: how far a rejected clip fades into the paper."""
_FINER: Final = 4

_PNG_PIXELS_MAX: Final = 24_000_000
"""A sheet of this size takes 72 MB of memory; more clips get smaller frames."""
_FRAME_PX: Final = 320
_FRAME_PX_MIN: Final = 96
_A4_PX: Final = (1754, 1240)
"""Landscape at 150 dots an inch."""
_PDF_COLUMNS: Final = 6
_PAGES_AT_ONCE: Final = 2
"""Each takes 50 MB until the file has it."""
_DPI: Final = 150

ReadPoster = Callable[[Tile], bytes | None]
"""The poster of a tile, if it has one."""


@dataclass(frozen=True)
class _Grid:
    """Where frames stand on a sheet; all in pixels."""

    columns: int
    rows: int
    frame_px: int
    """Width of a frame."""
    frame_height_px: int
    margin_px: int
    head_px: int

    @property
    def gap_px(self) -> int:
        return max(6, self.frame_px // 16)

    @property
    def caption_px(self) -> int:
        return max(10, self.frame_px // 11)

    @property
    def size_px(self) -> tuple[int, int]:
        width = self.columns * (self.frame_px + self.gap_px) - self.gap_px
        height = self.rows * (self.frame_height_px + self.caption_px + self.gap_px)
        return width + 2 * self.margin_px, height + self.head_px + 2 * self.margin_px

    def corner(self, index: int) -> tuple[int, int]:
        """The upper left of a frame."""
        row, column = divmod(index, self.columns)
        x = self.margin_px + column * (self.frame_px + self.gap_px)
        y = self.margin_px + self.head_px + row * (self.frame_height_px + self.caption_px + self.gap_px)
        return x, y


def write_png(path: Path, gallery: Gallery, poster: ReadPoster) -> int:
    """Write all clips on one picture, as many as stay recognisable.

    Returns:
        How many are on it.
    """
    height = _frame_height(gallery.tiles)
    grid = _png_grid(len(gallery.tiles), height)
    count = min(len(gallery.tiles), grid.columns * grid.rows)
    words = _extent(gallery, count)
    sheet = _draw(gallery, gallery.tiles[:count], 0, grid, words, poster)
    sheet.save(path, "PNG", optimize=True)
    return count


def write_pdf(path: Path, gallery: Gallery, poster: ReadPoster) -> int:
    """Write all clips on pages of A4 landscape.

    Returns:
        How many pages.
    """
    grid = _pdf_grid(_frame_height(gallery.tiles))
    size = grid.columns * grid.rows
    page_count = max(1, math.ceil(len(gallery.tiles) / size))
    path.unlink(missing_ok=True)

    def page(number: int) -> Image.Image:
        first = (number - 1) * size
        words = f"{_extent(gallery, len(gallery.tiles))} · page {number} of {page_count}"
        return _draw(gallery, gallery.tiles[first : first + size], first, grid, words, poster, size_px=_A4_PX)

    # A few pages at a time: Pillow holds them in memory, and reads the whole file again to append to it.
    for first in range(1, page_count + 1, _PAGES_AT_ONCE):
        begin, *more = map(page, range(first, min(first + _PAGES_AT_ONCE, page_count + 1)))
        begin.save(
            path, "PDF", append=first > 1, save_all=True, append_images=more, resolution=_DPI, title=gallery.title
        )
    return page_count


def _extent(gallery: Gallery, count: int) -> str:
    """How many clips are on a sheet, and whether those are all."""
    total = gallery.summary.clip_count
    clips = "clip" if total == 1 else "clips"
    return f"the first {count:,} of {total:,} {clips}" if count < total else f"{total:,} {clips}"


def _frame_height(tiles: Sequence[Tile]) -> float:
    """Height of all frames by their width: that of most clips, as far as a sheet stays readable."""
    ratios = sorted(
        tile.clip.height_px / tile.clip.width_px
        for tile in tiles
        if tile.clip and tile.clip.width_px and tile.clip.height_px
    )
    return min(max(ratios[len(ratios) // 2], 0.5), 16 / 9) if ratios else 9 / 16


def _png_grid(count: int, height: float) -> _Grid:
    count = max(count, 1)
    whole = height + 1 / 11 + 1 / 16  # with caption and gap, by width
    frame = int(min(_FRAME_PX, max(_FRAME_PX_MIN, math.sqrt(_PNG_PIXELS_MAX / (count * whole * 17 / 16)))))
    most = int(_PNG_PIXELS_MAX / (frame * frame * whole * 17 / 16))
    count = min(count, most)
    columns = min(count, max(3, round(math.sqrt(count * whole * 3 / 2))))  # about 3:2 in all
    return _Grid(
        columns, math.ceil(count / columns), frame, round(frame * height), max(24, frame // 6), max(70, frame // 3)
    )


def _pdf_grid(height: float) -> _Grid:
    margin, head = 70, 90
    columns = _PDF_COLUMNS if height < 1 else _PDF_COLUMNS + 2
    frame = int((_A4_PX[0] - 2 * margin) / (columns + (columns - 1) / 16))
    tall = round(frame * height)
    rows = (_A4_PX[1] - 2 * margin - head) // (tall + frame // 11 + frame // 16)
    return _Grid(columns, max(1, rows), frame, tall, margin, head)


def _draw(
    gallery: Gallery,
    tiles: Sequence[Tile],
    first: int,
    grid: _Grid,
    words: str,
    poster: ReadPoster,
    *,
    size_px: tuple[int, int] | None = None,
) -> Image.Image:
    sheet = Image.new("RGB", size_px or grid.size_px, _PAPER)
    pen = ImageDraw.Draw(sheet)
    title = Lettering(max(20, grid.head_px * 0.38))
    small = Lettering(max(12, grid.head_px * 0.18))
    across = sheet.width - 2 * grid.margin_px
    title.write(pen, (grid.margin_px, grid.margin_px - 4), title.fitted(gallery.title, across), _INK)
    note = " · ".join(_notes(gallery, tiles, words))
    small.write(pen, (grid.margin_px, grid.margin_px + grid.head_px * 0.5), small.fitted(note, across), _QUIET)
    for index, tile in enumerate(tiles):
        _frame(sheet, pen, tile, gallery.first_number + first + index, grid, grid.corner(index), poster(tile))
    return sheet


def _notes(gallery: Gallery, tiles: Sequence[Tile], words: str) -> Iterator[str]:
    """What stands under the title."""
    yield words
    counts = gallery.summary.by_state
    yield from (f"{counts[state]:,} {state_words(state).lower()}" for state in RenderState if counts.get(state))
    yield from (f"{money_words(money)} spent" for money in gallery.summary.spent)
    yield f"{gallery.made_at:%d %B %Y, %H:%M %Z}"
    if not all(is_writable(tile.name) for tile in tiles):
        yield "? is a character that no font of this server has: install fonts-noto-cjk"


def _frame(
    sheet: Image.Image,
    pen: ImageDraw.ImageDraw,
    tile: Tile,
    number: int,
    grid: _Grid,
    at: tuple[int, int],
    poster: bytes | None,
) -> None:
    x, y = at
    box = (x, y, x + grid.frame_px - 1, y + grid.frame_height_px - 1)
    pen.rectangle(box, _FILM)
    if not (poster and _paste(sheet, poster, grid, at)):
        _slate(pen, tile, grid, at)
    _mark(sheet, tile, box)
    letters = Lettering(max(8, grid.caption_px * 0.58))
    top = y + grid.frame_height_px + grid.caption_px * 0.18
    letters.write(pen, (x, top), str(number), _AMBER)
    left = x + letters.length(f"{number}  ")
    letters.write(pen, (left, top), letters.fitted(tile.name, x + grid.frame_px - left), _INK)


def _paste(sheet: Image.Image, poster: bytes, grid: _Grid, at: tuple[int, int]) -> bool:
    try:
        with Image.open(io.BytesIO(poster)) as picture:
            # A JPEG is decoded at a fraction of its size, which is most of the time a sheet takes.
            picture.draft("RGB", (grid.frame_px, grid.frame_height_px))
            fitted = ImageOps.contain(picture.convert("RGB"), (grid.frame_px, grid.frame_height_px))
    except OSError:
        return False  # no picture: its slate says what is known
    spare = grid.frame_px - fitted.width, grid.frame_height_px - fitted.height
    sheet.paste(fitted, (at[0] + spare[0] // 2, at[1] + spare[1] // 2))
    return True


def _slate(pen: ImageDraw.ImageDraw, tile: Tile, grid: _Grid, at: tuple[int, int]) -> None:
    letters = Lettering(max(8, grid.frame_px / 19))
    step, inset = letters.size_px * 1.35, grid.frame_px // 16
    x, y = at[0] + inset, at[1] + inset
    letters.write(pen, (x, y), state_words(tile.state), _BAD if tile.why else _QUIET)
    lines = max(0, int((grid.frame_height_px - 2 * inset) / step) - 1)
    why = (tile.why.message or tile.why.code or "") if tile.why else ""
    for line in letters.wrapped(why, grid.frame_px - 2 * inset, lines):
        y = y + round(step)
        letters.write(pen, (x, y), line, _QUIET)


def _mark(sheet: Image.Image, tile: Tile, box: tuple[int, int, int, int]) -> None:
    """Draw a decision, as with a grease pencil."""
    if tile.decision not in _MARKS:
        return
    size = box[2] - box[0] + 1, box[3] - box[1] + 1
    # Drawn larger and made smaller, because Pillow's lines have steps.
    drawn = Image.new("L", (size[0] * _FINER, size[1] * _FINER))
    pen, inset, width = ImageDraw.Draw(drawn), drawn.width // 14, max(2 * _FINER, drawn.width // 80)
    left, top, right, bottom = inset, inset, drawn.width - inset, drawn.height - inset
    if tile.decision == "approve":
        pen.ellipse((left, top, right, bottom), outline=255, width=width)
    else:
        middle, arm = drawn.width / 2, drawn.height / 2 - inset
        pen.line((middle - arm, top, middle + arm, bottom), 255, width)
        pen.line((middle - arm, bottom, middle + arm, top), 255, width)
        sheet.paste(_FILM, (box[0], box[1], box[2] + 1, box[3] + 1), Image.new("L", size, _FADED))
    sheet.paste(
        _MARKS[tile.decision], (box[0], box[1], box[2] + 1, box[3] + 1), drawn.resize(size, Image.Resampling.BOX)
    )
