"""The contact sheet: one picture, or pages to print."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from PIL import Image

from api.gallery import sheet
from api.gallery.sheet import write_pdf, write_png
from tests.gallery.reel import Stock, clips, gallery, rendered


def test_a_png_shows_every_clip(tmp_path: Path, stock: Stock) -> None:
    file = tmp_path / "sheet.png"

    assert write_png(file, gallery(list(clips(12))), stock.poster) == 12
    with Image.open(file) as picture:
        assert picture.format == "PNG"
        assert 1 < picture.width / picture.height < 2


def test_a_png_of_many_clips_stays_within_its_memory(
    tmp_path: Path, stock: Stock, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sheet, "_PNG_PIXELS_MAX", 200_000)
    file = tmp_path / "sheet.png"

    count = write_png(file, gallery(list(clips(60))), stock.poster)

    assert 20 < count < 60
    with Image.open(file) as picture:
        assert picture.width * picture.height < 400_000


def test_a_pdf_has_pages_of_paper(tmp_path: Path, stock: Stock) -> None:
    file = tmp_path / "sheet.pdf"

    assert write_pdf(file, gallery(list(clips(70))), stock.poster) == 3
    content = file.read_bytes()
    assert content.startswith(b"%PDF-")
    assert set(re.findall(rb"/Count (\d+)", content)) >= {b"3"}


@pytest.mark.parametrize("tiles", [[], [rendered(name="x " * 900)], [rendered(poster=None)]])
def test_a_sheet_takes_what_there_is(tmp_path: Path, stock: Stock, tiles: list[object]) -> None:
    page = gallery(tiles)  # type: ignore[arg-type] # a list of tiles

    assert write_png(tmp_path / "sheet.png", page, stock.poster) == len(tiles)
    assert write_pdf(tmp_path / "sheet.pdf", page, stock.poster) == 1


def test_a_poster_that_is_no_picture_leaves_its_slate(tmp_path: Path) -> None:
    assert write_png(tmp_path / "sheet.png", gallery([rendered()]), lambda _: b"no picture") == 1
