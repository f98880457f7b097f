"""A gallery as one HTML document: style, script and data inside, posters and clips beside it.

One document is the same from a server and from a folder: browsers load neither modules nor checked
scripts from ``file://``.
"""

from __future__ import annotations

from typing import Final

from api.gallery.embedded_json import island
from api.gallery.html_document import Dress, document, markup
from api.gallery.tiles import Gallery
from api.gallery.tiles_html import heading, tiles_html, toolbar

GALLERY_DRESS: Final = Dress(
    ("base.css", "gallery.css"),
    (
        *("data.js", "filters.js", "player.js", "decisions.js", "detail.js", "approval.js", "keys.js"),
        *("slots.js", "live.js"),
    ),
)


CHANGES_DRESS: Final = Dress()


def render_changes(gallery: Gallery) -> str:
    """The page for its own script, which takes from it what has changed.

    Args:
        gallery: As it is now, with the tiles alone that are to be shown anew.
    """
    body = f"""{heading(gallery)}
{toolbar(gallery)}
{tiles_html(gallery)}
{_data(gallery)}"""
    return document(CHANGES_DRESS, gallery.title, body, is_served=True)


def render(gallery: Gallery, *, is_served: bool) -> str:
    """The page.

    Args:
        gallery: What it shows.
        is_served: Whether a server sends it, with the policy of `GALLERY_DRESS` as a header.
    """
    body = f"""<a class="skip" href="#sheet">Skip to the clips</a>
{heading(gallery)}
{toolbar(gallery)}
<main>
{tiles_html(gallery)}
</main>
{markup("shell.html")}
{_data(gallery)}"""
    return document(GALLERY_DRESS, f"{gallery.title} · contact sheet", body, is_served=is_served)


def _data(gallery: Gallery) -> str:
    return f'<script type="application/json" id="gallery-data">{island(gallery)}</script>'
