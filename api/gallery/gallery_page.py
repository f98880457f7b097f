"""A gallery as one HTML document: style, script and data inside, posters and clips beside it.

One document is the same from a server and from a folder: browsers load neither modules nor checked
scripts from ``file://``.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any, Final

from api.gallery.embedded_json import embedded_json
from api.gallery.html_document import PageAssets, document
from api.gallery.tiles import Gallery, Tile
from reelqueue.states import RenderState

GALLERY_ASSETS: Final = PageAssets(
    ("base.css", "gallery.css"),
    (
        *("data.js", "filters.js", "player.js", "decisions.js", "detail.js", "approval.js", "keys.js"),
        *("slots.js", "live.js"),
    ),
)
CHANGES_ASSETS: Final = PageAssets()

_CHOICES_MAX: Final = 60
"""A variable with more values than this is found by searching, not by choosing."""
_VARIABLES_MAX: Final = 8
"""More would leave no room for clips; the rest is found by searching."""
_FILTERED: Final = ("ratio", "resolution")
"""Options that clips are chosen by, beside the model."""
_DIGITS: Final = re.compile(r"(\d+)")
_SHAPES: Final = (("tall", 0.0, 0.8), ("square", 0.8, 1.25), ("classic", 1.25, 1.6), ("wide", 1.6, 100.0))
"""Width by height, from and below."""
_DOMINANT: Final = 0.8
"""The share of one shape from which on all frames have it."""


@dataclass(frozen=True)
class Choice:
    """A filter with a list of values."""

    name: str
    label: str
    values: Sequence[str]


@dataclass(frozen=True)
class Filters:
    """What the clips of a page can be chosen by."""

    by_state: Counter[RenderState]
    choices: Sequence[Choice]
    """Those with a single value are left out, and those with too many."""


def render_changes(gallery: Gallery) -> str:
    """The page for its own script, which takes from it what has changed.

    Args:
        gallery: As it is now, with only the tiles that are to be shown again.
    """
    return document("changes.html", CHANGES_ASSETS, gallery.title, is_served=True, **_values(gallery))


def render(gallery: Gallery, *, is_served: bool) -> str:
    """The page.

    Args:
        gallery: What it shows.
        is_served: Whether a server sends it, with the policy of `GALLERY_ASSETS` as a header.
    """
    title = f"{gallery.title} · contact sheet"
    return document("gallery.html", GALLERY_ASSETS, title, is_served=is_served, **_values(gallery))


def _values(gallery: Gallery) -> dict[str, Any]:
    filters = Filters(
        Counter(tile.state for tile in gallery.tiles),
        [choice for choice in _choices(gallery) if 1 < len(choice.values) <= _CHOICES_MAX],
    )
    return {"gallery": gallery, "filters": filters, "shape": _shape(gallery.tiles), "data": embedded_json(gallery)}


def _choices(gallery: Gallery) -> Iterator[Choice]:
    tiles = gallery.tiles
    yield Choice("model", "Model", _in_order(tile.model for tile in tiles))
    for name in _FILTERED:
        yield Choice(f"asked:{name}", name.capitalize(), _in_order(str(tile.asked.get(name, "")) for tile in tiles))
    for name in _variable_names(gallery)[:_VARIABLES_MAX]:
        yield Choice(f"var:{name}", name, _in_order(tile.variables.get(name, "") for tile in tiles))
    yield Choice("decision", "Mark", ("", "approve", "reject", "retry"))


def _in_order(values: Iterable[str]) -> list[str]:
    """Each value once, numbers by what they count: 720P before 1080P."""

    def key(value: str) -> tuple[list[tuple[int, str]], str]:
        parts = _DIGITS.split(value)
        return [(int(part) if part.isdecimal() and part.isascii() else -1, part) for part in parts], value

    return sorted(set(values), key=key)


def _variable_names(gallery: Gallery) -> list[str]:
    """Variables of the tiles in the order of the file, then in that in which they first appear."""
    found = dict.fromkeys(name for tile in gallery.tiles for name in tile.variables)
    return list(dict.fromkeys((*(name for name in gallery.variable_names if name in found), *found)))


def _shape(tiles: Sequence[Tile]) -> str:
    """The shape that all frames get: the clips' own, where most have the same."""
    ratios = (
        sized.width_px / sized.height_px
        for tile in tiles
        if (sized := tile.clip or tile.poster) and sized.width_px and sized.height_px
    )
    shapes = Counter(name for ratio in ratios for name, least, below in _SHAPES if least <= ratio < below)
    if not shapes:
        return "wide"
    name, count = shapes.most_common(1)[0]
    return name if count >= _DOMINANT * shapes.total() else "mixed"
