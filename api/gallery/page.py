"""A gallery as one HTML document: style, script and data inside, posters and clips beside it.

One document is the same from a server and from a folder: browsers load neither modules nor checked
scripts from ``file://``, and a script that stands in the page can be allowed by its hash alone.
"""

from __future__ import annotations

import base64
import hashlib
from functools import cache
from html import escape
from pathlib import Path
from typing import Final

from api.gallery.island import island
from api.gallery.tiles import Gallery
from api.gallery.tiles_html import heading, tiles_html, toolbar

_ASSETS: Final = Path(__file__).with_name("assets")
_SCRIPTS: Final = ("data.js", "filters.js", "player.js", "decisions.js", "detail.js", "keys.js")
"""In the order in which they use one another."""

# The browser's own data: an icon, so that it does not ask the server for one.
_ICON: Final = (
    "data:image/svg+xml,%3Csvg xmlns='http://www.w3.org/2000/svg' viewBox='0 0 32 32'%3E"
    "%3Crect width='32' height='32' rx='6' fill='%23161513'/%3E"
    "%3Cpath d='M7 9h18v14H7z' fill='%23e3a44b'/%3E"
    "%3Cpath d='M13 12l7 4-7 4z' fill='%23161513'/%3E%3C/svg%3E"
)


def security_policy(*, is_served: bool) -> str:
    """The content security policy of every gallery page.

    Args:
        is_served: Whether it is sent as a header. In a page a browser ignores who may frame it, and a page in
            a folder talks to nobody.
    """
    media = "'self'" if is_served else "'self' file:"  # to some browsers no file is of one origin with another
    server = "'self'" if is_served else "'none'"
    rules = [
        "default-src 'none'",
        f"script-src '{_hash(_script())}'",
        f"style-src '{_hash(_style())}'",
        f"img-src {media} data:",
        f"media-src {media}",
        f"connect-src {server}",
        "base-uri 'none'",
        "form-action 'none'",
        "require-trusted-types-for 'script'",
        "trusted-types 'none'",
    ]
    if is_served:
        rules.append("frame-ancestors 'none'")
    return "; ".join(rules)


def render(gallery: Gallery, *, is_served: bool) -> str:
    """The page.

    Args:
        gallery: What it shows.
        is_served: Whether a server sends it, with :func:`security_policy` as a header; else the page carries it.
    """
    policy = f'<meta http-equiv="Content-Security-Policy" content="{escape(security_policy(is_served=False))}">'
    page = f"""<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
{"" if is_served else policy}
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="color-scheme" content="light dark">
<meta name="referrer" content="no-referrer">
<meta name="robots" content="noindex">
<title>{escape(gallery.title)} · contact sheet</title>
<link rel="icon" href="{_ICON}">
<style>{_style()}</style>
</head>
<body>
<a class="skip" href="#sheet">Skip to the clips</a>
{heading(gallery)}
{toolbar(gallery)}
<main>
{tiles_html(gallery)}
</main>
{_shell()}
<script type="application/json" id="gallery-data">{island(gallery)}</script>
<script type="module">{_script()}</script>
</body>
</html>
"""
    # Half of a surrogate pair is a string to Python and no text to a file or a browser.
    return page.encode(errors="replace").decode()


@cache
def _style() -> str:
    return (_ASSETS / "gallery.css").read_text(encoding="utf-8")


@cache
def _script() -> str:
    return "\n".join((_ASSETS / name).read_text(encoding="utf-8") for name in _SCRIPTS)


@cache
def _shell() -> str:
    """What the script fills: the detail view, the help, the messages."""
    return (_ASSETS / "shell.html").read_text(encoding="utf-8")


@cache
def _hash(text: str) -> str:
    return f"sha256-{base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()}"
