"""A gallery as a folder: pages, clips and posters that a browser opens without any server."""

from __future__ import annotations

import itertools
import re
import shutil
from collections.abc import Callable, Iterable, Iterator
from dataclasses import replace
from pathlib import Path, PurePosixPath
from typing import Final

from api.gallery.page import render
from api.gallery.tiles import PAGE_COUNT, Gallery, Tile, Why

_UNSAFE: Final = re.compile(r"[^A-Za-z0-9._-]+")
_NAME_MAX: Final = 60

Source = Callable[[str], Path]
"""The stored file with a key; it need not be there any more."""


def export_folder(folder: Path, head: Gallery, tiles: Iterable[Tile], source: Source) -> int:
    """Write a gallery that works from ``file://``.

    What was exported to the folder before is replaced; files of clips that are gone since stay.

    Args:
        folder: Made if it is not there; ``index.html``, ``clips/`` and ``posters/`` go into it.
        head: Title and numbers; its own tiles and links are not used.
        tiles: All of the campaign, with the key of each stored file in the place of its URL.
        source: Where the file with a key is.

    Returns:
        How many tiles were written.
    """
    for name in ("clips", "posters"):
        (folder / name).mkdir(parents=True, exist_ok=True)
    count = 0
    pages = _pages(_with_files(folder, tiles, source))
    for number, (page, is_last) in enumerate(pages, start=1):
        gallery = replace(
            head,
            tiles=page,
            first_number=count + 1,
            previous_url=_page_name(number - 1) if number > 1 else None,
            next_url=None if is_last else _page_name(number + 1),
            decisions_url=None,
            sheet_url=None,
        )
        (folder / _page_name(number)).write_text(render(gallery, is_served=False), encoding="utf-8")
        count += len(page)
    return count


def _page_name(number: int) -> str:
    return "index.html" if number == 1 else f"page-{number}.html"


def _pages(tiles: Iterator[Tile]) -> Iterator[tuple[list[Tile], bool]]:
    """Pages, and whether each is the last; there is always one."""
    page = list(itertools.islice(tiles, PAGE_COUNT))
    while following := list(itertools.islice(tiles, PAGE_COUNT)):
        yield page, False
        page = following
    yield page, True


def _with_files(folder: Path, tiles: Iterable[Tile], source: Source) -> Iterator[Tile]:
    for number, tile in enumerate(tiles, start=1):
        stem = f"{number:05}-{_UNSAFE.sub('-', tile.name)[:_NAME_MAX]}".rstrip(".-")
        clip = tile.clip and _copy(folder, f"clips/{stem}", tile.clip.url, source)
        poster = tile.poster and _copy(folder, f"posters/{stem}", tile.poster.url, source)
        yield replace(
            tile,
            clip=replace(tile.clip, url=clip) if tile.clip and clip else None,
            poster=replace(tile.poster, url=poster) if tile.poster and poster else None,
            why=Why(message="its file is not in the archive any more") if tile.clip and not clip else tile.why,
        )


def _copy(folder: Path, stem: str, key: str, source: Source) -> str | None:
    """The copy's name relative to the folder, or None where the file is gone."""
    name = f"{stem}{PurePosixPath(key).suffix}"
    try:
        shutil.copyfile(source(key), folder / name)
    except FileNotFoundError:
        return None
    return name
