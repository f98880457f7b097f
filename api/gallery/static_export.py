"""A gallery as a folder: pages that a browser opens without any server, and the names of the files beside them.

The client fetches pages and files of the folder one by one, so that a stopped export goes on where it stood.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Sequence
from dataclasses import dataclass, replace
from pathlib import PurePosixPath
from typing import Final
from urllib.parse import quote

from api.gallery.gallery_page import render
from api.gallery.tiles import Clip, Gallery, Picture, Tile
from reelqueue.schemas.campaigns import GalleryFile

_UNSAFE: Final = re.compile(r"[^A-Za-z0-9._-]+")
_NAME_MAX: Final = 60


@dataclass(frozen=True)
class StaticPage:
    """One page, and what it shows."""

    file_name: str
    html: str
    files: list[GalleryFile]


def static_page(
    head: Gallery, tiles: Sequence[Tile], number: int, *, is_last: bool, twins: Collection[str] = ()
) -> StaticPage:
    """A page that works from ``file://``.

    Args:
        head: Title and numbers of the campaign, and the number of the first tile.
        tiles: Those of this page, with the addresses that their files are fetched from.
        number: Of the page, from 1.
        is_last: Whether no page follows.
        twins: Paths, in lower case, that several clips of the campaign would have.
    """
    files: list[GalleryFile] = []
    local = [_localized(tile, _stem(tile, twins), files) for tile in tiles]
    gallery = replace(
        head,
        tiles=local,
        previous_url=page_name(number - 1) if number > 1 else None,
        next_url=None if is_last else page_name(number + 1),
    )
    return StaticPage(page_name(number), render(gallery, is_served=False), files)


def page_name(number: int) -> str:
    """The file of a page."""
    return "index.html" if number == 1 else f"page-{number}.html"


def _stem(tile: Tile, twins: Collection[str]) -> str:
    """The clip's path without its ending: by the campaign's pattern, so that it is the one in the results."""
    if tile.file is None:  # enqueued singly, where names need not differ
        return f"clips/{_UNSAFE.sub('-', tile.name)[:_NAME_MAX].strip('.-')}-{tile.id}"
    stem = tile.file.removesuffix(".mp4")
    return f"{stem}-{tile.id}" if tile.file.lower() in twins else stem


def _localized(tile: Tile, stem: str, files: list[GalleryFile]) -> Tile:
    clip, poster = tile.clip, tile.poster
    if clip is not None:
        clip = replace(clip, url=_beside(clip, f"{stem}.mp4", files))
    if poster is not None:
        poster = replace(poster, url=_beside(poster, f"posters/{stem}.jpg", files))
    return replace(tile, clip=clip, poster=poster)


def _beside(stored: Clip | Picture, path: str, files: list[GalleryFile]) -> str:
    """The address of a stored file relative to the page; it is to be fetched there."""
    file = PurePosixPath(path)
    files.append(
        GalleryFile(path=str(file), url=stored.url, sha256=stored.sha256 or "", size_bytes=stored.size_bytes or 0)
    )
    return quote(str(file))  # names may hold # and %, which mean something in an address
