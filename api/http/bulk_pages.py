"""Answers of many pages: a few are made at a time, so that they leave threads and processor to the other requests."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator
from typing import Final

from anyio import CapacityLimiter
from anyio.to_thread import run_sync

PAGES_AT_ONCE: Final = 2
"""Of one process. A page is some hundred rows; more at a time would not be quicker, as each needs the interpreter."""


async def in_turn(pages: Iterator[str], limiter: CapacityLimiter) -> AsyncIterator[str]:
    """The pages, each made when the one before has been sent."""
    while (page := await run_sync(next, pages, None, limiter=limiter)) is not None:
        yield page
