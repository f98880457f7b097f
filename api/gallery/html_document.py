"""An HTML document that brings its own style and script, and the policy that allows these alone.

A script that stands in the page can be allowed by its hash, from a server and from a folder alike.
"""

from __future__ import annotations

import base64
import hashlib
from dataclasses import dataclass
from functools import cache
from html import escape
from pathlib import Path
from typing import Final

_ASSETS: Final = Path(__file__).with_name("assets")

# The browser's own data: an icon, so that it does not ask the server for one.
_ICON: Final = (
    "data:image/svg+xml,%3Csvg xmlns='http://www.w3.org/2000/svg' viewBox='0 0 32 32'%3E"
    "%3Crect width='32' height='32' rx='6' fill='%23161513'/%3E"
    "%3Cpath d='M7 9h18v14H7z' fill='%23e3a44b'/%3E"
    "%3Cpath d='M13 12l7 4-7 4z' fill='%23161513'/%3E%3C/svg%3E"
)


@dataclass(frozen=True)
class Dress:
    """The style and the script of a kind of page, by the names of their files."""

    styles: tuple[str, ...] = ()
    scripts: tuple[str, ...] = ()
    """In the order in which they use one another."""

    @property
    def style(self) -> str:
        """The whole style."""
        return _joined(self.styles)

    @property
    def script(self) -> str:
        """The whole script; empty where there is none."""
        return _joined(self.scripts)


def security_policy(dress: Dress, *, is_served: bool) -> str:
    """The content security policy of a page.

    Args:
        dress: What the page brings.
        is_served: Whether it is sent as a header. In a page a browser ignores who may frame it, and a page in
            a folder talks to nobody.
    """
    media = "'self'" if is_served else "'self' file:"  # to some browsers no file is of one origin with another
    server = "'self'" if is_served else "'none'"
    rules = [
        "default-src 'none'",
        f"script-src '{_hash(dress.script)}'" if dress.scripts else "script-src 'none'",
        f"style-src '{_hash(dress.style)}'" if dress.styles else "style-src 'none'",
        f"img-src {media} data:",
        f"media-src {media}",
        f"connect-src {server}",
        "base-uri 'none'",
        f"form-action {server}",
        "require-trusted-types-for 'script'",
        "trusted-types 'none'",
    ]
    if is_served:
        rules.append("frame-ancestors 'none'")
    return "; ".join(rules)


def document(dress: Dress, title: str, body: str, *, is_served: bool) -> str:
    """The document.

    Args:
        dress: What it brings.
        title: Text.
        body: Markup, in which every word that came from somebody is escaped.
        is_served: Whether a server sends it, with :func:`security_policy` as a header; else the page carries it.
    """
    policy = escape(security_policy(dress, is_served=False))
    script = f'<script type="module">{dress.script}</script>' if dress.scripts else ""
    page = f"""<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
{"" if is_served else f'<meta http-equiv="Content-Security-Policy" content="{policy}">'}
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="color-scheme" content="light dark">
<meta name="referrer" content="same-origin">
<meta name="robots" content="noindex">
<title>{escape(title)}</title>
<link rel="icon" href="{_ICON}">
{f"<style>{dress.style}</style>" if dress.styles else ""}
</head>
<body>
{body}
{script}
</body>
</html>
"""
    # Half of a surrogate pair is a string to Python and no text to a file or a browser.
    return page.encode(errors="replace").decode()


@cache
def markup(name: str) -> str:
    """A piece of a page that is the same for all."""
    return (_ASSETS / name).read_text(encoding="utf-8")


@cache
def _joined(names: tuple[str, ...]) -> str:
    return "\n".join(markup(name) for name in names)


@cache
def _hash(text: str) -> str:
    return f"sha256-{base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()}"
