"""A gallery in a folder: pages, files and names."""

from __future__ import annotations

import re
from dataclasses import replace
from pathlib import Path

import pytest

from api.gallery import export as export_module
from api.gallery.export import export_folder
from tests.gallery.reel import Stock, clips, gallery, moderated, rendered


def names(folder: Path) -> list[str]:
    return sorted(path.relative_to(folder).as_posix() for path in folder.rglob("*") if path.is_file())


def test_a_folder_has_a_page_and_the_files_of_each_clip(tmp_path: Path, stock: Stock) -> None:
    tiles = [rendered(0), moderated(1)]

    assert export_folder(tmp_path, gallery(tiles), tiles, stock.path) == 2
    assert names(tmp_path) == ["clips/00001-harbour-0.mp4", "index.html", "posters/00001-harbour-0.jpg"]
    assert (tmp_path / "clips/00001-harbour-0.mp4").read_bytes() == stock.path("clip.mp4").read_bytes()


@pytest.mark.parametrize("name", ["../../etc/passwd", "a/b\\c:d", "CON", "x" * 300, "雨の港", ".", ""])
def test_no_name_leads_out_of_the_folder(tmp_path: Path, stock: Stock, name: str) -> None:
    tiles = [rendered(0, name=name)]

    export_folder(tmp_path / "out", gallery(tiles), tiles, stock.path)

    (clip,) = (tmp_path / "out/clips").iterdir()
    assert re.fullmatch(r"00001[A-Za-z0-9._-]{0,70}\.mp4", clip.name)
    assert [path.name for path in tmp_path.iterdir()] == ["out"]


def test_a_file_that_is_gone_is_said_to_be(tmp_path: Path, stock: Stock) -> None:
    kept = rendered(0)
    assert kept.clip
    tiles = [replace(kept, clip=replace(kept.clip, url="gone.mp4"))]

    export_folder(tmp_path, gallery(tiles), tiles, stock.path)

    assert "its file is not in the archive any more" in (tmp_path / "index.html").read_text()


def test_many_clips_get_several_pages(tmp_path: Path, stock: Stock, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(export_module, "PAGE_COUNT", 2)
    tiles = list(clips(5))

    export_folder(tmp_path, gallery(tiles), iter(tiles), stock.path)

    pages = {path.name: path.read_text() for path in tmp_path.glob("*.html")}
    assert sorted(pages) == ["index.html", "page-2.html", "page-3.html"]
    assert re.findall(r'<a rel="(\w+)" href="([^"]+)"', pages["page-2.html"]) == [
        ("prev", "index.html"),
        ("next", "page-3.html"),
    ]
    assert '<span class="number">5</span>' in pages["page-3.html"]
    assert 'rel="next"' not in pages["page-3.html"]
