"""HTML documents from templates, each with its own style and script, and the policy that allows these alone.

A script that stands in the page can be allowed by its hash, from a server and from a folder alike.
"""

from __future__ import annotations

import base64
import hashlib
from dataclasses import dataclass
from decimal import Decimal
from functools import cache
from pathlib import Path
from typing import Final

from jinja2 import Environment, FileSystemLoader, StrictUndefined

from api.gallery.tiles import Money, Why
from api.gallery.wording import day_and_time, money_words, sentence, state_words
from reelqueue.states import TERMINAL, RenderState

_ASSETS: Final = Path(__file__).with_name("assets")
_TEMPLATES: Final = Path(__file__).with_name("templates")
_WORDS_MAX: Final = 180
"""Characters of a reason that fit into a tile; the detail view has the whole."""

# The browser's own data: an icon, so that it does not ask the server for one.
_ICON: Final = (
    "data:image/svg+xml,%3Csvg xmlns='http://www.w3.org/2000/svg' viewBox='0 0 32 32'%3E"
    "%3Crect width='32' height='32' rx='6' fill='%23161513'/%3E"
    "%3Cpath d='M7 9h18v14H7z' fill='%23e3a44b'/%3E"
    "%3Cpath d='M13 12l7 4-7 4z' fill='%23161513'/%3E%3C/svg%3E"
)


@dataclass(frozen=True)
class PageAssets:
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


def security_policy(assets: PageAssets, *, is_served: bool) -> str:
    """The content security policy of a page.

    Args:
        assets: What the page brings.
        is_served: Whether it is sent as a header. In a page a browser ignores who may frame it, and a page in
            a folder sends no requests.
    """
    media = "'self'" if is_served else "'self' file:"  # to some browsers no file is of one origin with another
    server = "'self'" if is_served else "'none'"
    rules = [
        "default-src 'none'",
        f"script-src '{_hash(assets.script)}'" if assets.scripts else "script-src 'none'",
        f"style-src '{_hash(assets.style)}'" if assets.styles else "style-src 'none'",
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


def document(template: str, assets: PageAssets, title: str, *, is_served: bool, **values: object) -> str:
    """The document.

    Args:
        template: Its file in `templates/`, which extends `document.html`. Jinja2 escapes each value, unless the
            template calls it safe.
        assets: The style and script inside.
        title: Text.
        is_served: Whether a server sends it, with :func:`security_policy` as a header; else the page carries it.
        values: What the template names.
    """
    page = _environment().get_template(template)
    text = page.render(
        title=title,
        icon=_ICON,
        style=assets.style,
        script=assets.script,
        policy=None if is_served else security_policy(assets, is_served=False),
        **values,
    )
    # Half of a surrogate pair is a string to Python and no text to a file or a browser.
    return text.encode(errors="replace").decode()


@cache
def _environment() -> Environment:
    made = Environment(
        loader=FileSystemLoader(_TEMPLATES),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
        auto_reload=False,
    )
    made.globals["states"] = tuple(RenderState)
    made.filters |= {
        "amount": _amount,
        "day_and_time": day_and_time,
        "sentence": sentence,
        "slate": _slate,
        "state_words": state_words,
        "thousands": "{:,}".format,
        "why": _shortened,
    }
    return made


def _amount(money: tuple[Decimal, str]) -> str:
    amount, currency = money
    return money_words(Money(amount=amount, currency=currency))


def _slate(state: RenderState) -> str:
    """The look of a frame without a picture: that of an end, or of something that waits."""
    return "end" if state in TERMINAL or state is RenderState.NEEDS_REVIEW else "wait"


def _shortened(why: Why | None) -> str:
    """A reason as far as it fits into a tile."""
    words = (why.message or why.code or "") if why else ""
    return words if len(words) <= _WORDS_MAX else f"{words[:_WORDS_MAX].rstrip()}…"


@cache
def _joined(names: tuple[str, ...]) -> str:
    return "\n".join((_ASSETS / name).read_text(encoding="utf-8") for name in names)


@cache
def _hash(text: str) -> str:
    return f"sha256-{base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()}"
