"""URLs in one cell: one, or several divided by commas, semicolons, bars, blanks or line breaks."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Iterator
from typing import Final

from reelqueue.campaigns.problem import shortened
from reelqueue.errors import InvalidRequestError

_SCHEME: Final = re.compile(r"(?:https?|oss|file)://|data:", re.IGNORECASE)
_RUN: Final = re.compile(r"[\s,;|]+")
"""What may divide two URLs; a run is read at once, so that a cell of a million commas takes linear time."""


def split_urls(text: str, option: str) -> list[str]:
    """The URLs and paths of *text*, in its order.

    A line break divides, and so do a comma, a semicolon or a bar with a blank beside it, and any of them and any
    blank before a scheme such as ``https://``. So a comma within a URL stays a part of it; one that belongs to a URL
    and stands before a scheme is written as ``%2C``.

    Raises:
        InvalidRequestError: A path could be one file or several.
    """
    items = list(_items(text))
    for item in items:
        if _RUN.search(item) and not _SCHEME.match(item):
            why = (
                f"{option}: {shortened(item)!r} may be one file or several; "
                'write each on a line of its own, or all as a JSON list: ["a.png", "b.png"]'
            )
            raise InvalidRequestError("bad_media", why, option)
    return items


def join_urls(urls: Iterable[str]) -> str:
    """The cell that holds *urls*, each on a line; a JSON list where one of them holds what may divide two."""
    listed = list(urls)
    return json.dumps(listed) if any(map(_RUN.search, listed)) else "\n".join(listed)


def check_single(text: str, option: str) -> str:
    """*text* without outer blanks, where an option takes one URL.

    Raises:
        InvalidRequestError: There are several.
    """
    found = text.strip()
    if any(_SCHEME.match(found, run.end()) for run in _RUN.finditer(found)):
        why = (
            f"{option}: takes one URL, and {shortened(found)!r} are several; "
            "a comma or blank that belongs to the URL is written as %2C or %20"
        )
        raise InvalidRequestError("too_many", why, option)
    return found


def _items(text: str) -> Iterator[str]:
    begin = 0
    for run in _RUN.finditer(text):
        if _divides(text, run):
            if run.start() > begin:
                yield text[begin : run.start()]
            begin = run.end()
    if begin < len(text):
        yield text[begin:]


def _divides(text: str, run: re.Match[str]) -> bool:
    found = run[0]
    if run.start() == 0 or run.end() == len(text) or "\n" in found or "\r" in found:
        return True
    return (not found.isspace() and any(map(str.isspace, found))) or _SCHEME.match(text, run.end()) is not None
