"""The contact sheet: one picture, or pages to print."""

from __future__ import annotations

import os
import re
from collections.abc import Iterator
from dataclasses import replace
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from PIL import Image

from api.gallery import contact_sheet as sheet
from api.gallery import fonts as lettering
from api.gallery.contact_sheet import write_pdf, write_png
from api.gallery.fonts import Lettering, is_writable
from api.gallery.tiles import Money
from tests.api.gallery.reel import Stock, clips, gallery, moderated, rendered


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


def test_a_long_pdf_is_not_read_again_for_each_page(
    tmp_path: Path, stock: Stock, monkeypatch: pytest.MonkeyPatch
) -> None:
    appended: list[bool] = []
    save = Image.Image.save

    def noted(image: Image.Image, path: Path, form: str, **options: Any) -> None:
        appended.append(options["append"])
        save(image, path, form, **options)

    monkeypatch.setattr(Image.Image, "save", noted)
    file = tmp_path / "sheet.pdf"

    assert write_pdf(file, gallery(list(clips(750))), stock.poster) == 25
    assert appended == [False, *[True] * 12]
    assert len(re.findall(rb"/Type\s*/Page\b", file.read_bytes())) >= 25


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


def test_every_character_is_written_in_a_typeface_that_has_it(cjk: None) -> None:
    letters = Lettering(20)

    assert is_writable("雨の港 café Привет")
    assert letters.length("雨の港") > 2.5 * 20  # wide letters, no question marks


def test_words_without_spaces_are_wrapped(cjk: None) -> None:
    letters = Lettering(20)

    lines = list(letters.wrapped("雨の港に置かれた青い茶碗" * 4, 200, 3))

    assert len(lines) == 3
    assert lines[-1].endswith("…")
    assert all(letters.length(line) <= 200 for line in lines)


def test_a_sheet_without_a_font_says_so(
    tmp_path: Path, stock: Stock, monkeypatch: pytest.MonkeyPatch, lettering_anew: None
) -> None:
    monkeypatch.setattr(lettering, "TYPEFACES", ())
    tiles = [rendered(name="茶碗")]

    assert not is_writable("茶碗")
    assert Lettering(20).length("茶碗") == Lettering(20).length("??")
    assert "install fonts-noto-cjk" in " ".join(sheet._notes(gallery(tiles), tiles, "1 clip"))
    assert write_png(tmp_path / "sheet.png", gallery(tiles), stock.poster) == 1


def test_under_the_title_stand_states_and_money() -> None:
    tiles = [rendered(0), moderated(1)]
    summary = replace(gallery(tiles).summary, spent=[Money(amount=Decimal("0.5"), currency="USD")])

    notes = list(sheet._notes(replace(gallery(tiles), summary=summary), tiles, "2 clips"))

    assert notes[:4] == ["2 clips", "1 done", "1 refused by the filter", "0.50 USD spent"]


@pytest.fixture
def lettering_anew() -> Iterator[None]:
    """Looks for typefaces in this test alone."""
    caches = (lettering._found, lettering._face_of)
    for cache in caches:
        cache.cache_clear()
    yield
    for cache in caches:
        cache.cache_clear()


@pytest.fixture
def cjk() -> None:
    """Skips where no typeface for Chinese is installed; fails where ``CI`` is set."""
    if not is_writable("雨"):
        missing = "no CJK font; apt-get install fonts-droid-fallback"
        if os.environ.get("CI"):
            pytest.fail(missing)
        pytest.skip(missing)
