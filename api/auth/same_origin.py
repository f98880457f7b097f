"""Same-origin check: whether a browser sends a request from one of our pages (protection against CSRF)."""

from __future__ import annotations

from typing import Final
from urllib.parse import urlsplit

from fastapi import Request

from api.problem_details import ProblemError

READING: Final = frozenset({"GET", "HEAD", "OPTIONS"})


def check_same_origin(request: Request) -> None:
    """Refuse a request that a page of another origin sends with its reader's session.

    Browsers say so in Sec-Fetch-Site, which no script can set, over https and on this machine, and in Origin
    elsewhere; both are missing where no browser sends the request, and no page can cause it.

    Raises:
        ProblemError: 403.
    """
    site = request.headers.get("sec-fetch-site")
    if site is not None:
        is_ours = site == "same-origin"
    else:
        origin = request.headers.get("origin")
        is_ours = origin is None or _place(origin) == request.headers.get("host")
    if not is_ours:
        raise ProblemError(
            403, "other_origin", "a page of another origin sent this; decide on the gallery's own page, or send a key"
        )


def _place(origin: str) -> str | None:
    try:
        return urlsplit(origin).netloc or None
    except ValueError:
        return None
