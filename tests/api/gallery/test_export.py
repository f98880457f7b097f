"""A gallery in a folder: pages, files and names."""

from __future__ import annotations

import re
from dataclasses import replace

import pytest

from api.gallery.static_export import StaticPage, static_page
from api.gallery.tiles import Tile
from tests.api.gallery.reel import clips, gallery, moderated, rendered, tile_id


def page_of(*tiles: Tile, number: int = 1, is_last: bool = True, twins: tuple[str, ...] = ()) -> StaticPage:
    return static_page(replace(gallery(tiles), tiles=()), tiles, number, is_last=is_last, twins=twins)


def test_a_page_names_the_files_of_each_clip_as_the_results_do() -> None:
    page = page_of(rendered(0, file="autumn/cup.mp4"), moderated(1, file="autumn/bowl.mp4"))

    assert [(file.path, file.url) for file in page.files] == [
        ("autumn/cup.mp4", "clip.mp4"),
        ("posters/autumn/cup.jpg", "clip.jpg"),
    ]
    assert 'href="autumn/cup.mp4"' in page.html
    assert 'src="posters/autumn/cup.jpg"' in page.html


def test_clips_that_would_have_one_file_get_two() -> None:
    page = page_of(rendered(0, file="a/Cup.mp4"), rendered(1, file="a/cup.mp4"), twins=("a/cup.mp4",))

    videos = [file.path for file in page.files if file.path.endswith(".mp4")]
    assert videos == [f"a/Cup-{tile_id(0)}.mp4", f"a/cup-{tile_id(1)}.mp4"]


def test_what_means_something_in_an_address_is_escaped_there() -> None:
    page = page_of(rendered(0, file="50 %/雨 #1.mp4"))

    assert page.files[0].path == "50 %/雨 #1.mp4"
    assert 'href="50%20%25/%E9%9B%A8%20%231.mp4"' in page.html


@pytest.mark.parametrize("name", ["../../etc/passwd", "a/b\\c:d", "CON", "x" * 300, "雨の港", ".", ""])
def test_no_name_of_a_single_job_leads_out_of_the_folder(name: str) -> None:
    page = page_of(rendered(0, name=name))

    assert re.fullmatch(r"clips/[A-Za-z0-9._-]{0,60}-0199c0de[0-9a-f-]+\.mp4", page.files[0].path)


def test_pages_lead_to_those_beside_them() -> None:
    page = page_of(*clips(2), number=2, is_last=False)

    assert page.file_name == "page-2.html"
    assert re.findall(r'<a rel="(\w+)" href="([^"]+)"', page.html) == [("prev", "index.html"), ("next", "page-3.html")]


def test_the_last_page_leads_no_further() -> None:
    assert 'rel="next"' not in page_of(*clips(2)).html
