"""Compares the provider's clock with the database's by the ``Date`` header of each answer.

No clock of this host is in it: the database's moment is carried on by a clock that only counts seconds. The header
has whole seconds, and the answer was written at some moment between the question and its arrival, so a reading is an
interval; a quick answer gives a narrow one.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final

import httpx

from workers.dashscope.wire import parse_http_date

MOST_OFFSET: Final = timedelta(days=2)
"""A time that is farther off is not the provider's clock: no window of its list, which is a day long, would hold it."""
_ONE_SECOND: Final = timedelta(seconds=1)
_ASKED_AT: Final = "reelqueue_asked_at"


@dataclass(frozen=True)
class ClockReading:
    """How far the provider's clock was ahead of the database's."""

    offset_seconds: float
    """Negative: it was behind."""
    uncertainty_seconds: float
    """The offset may be off by so much, either way."""


class ClockComparison:
    """Compares the clocks in the course of one client's calls.

    Args:
        seconds: Counts this host's seconds, whatever its clock says.
    """

    def __init__(self, seconds: Callable[[], float]) -> None:
        self._seconds = seconds
        self._anchor: tuple[datetime, float, float] | None = None
        self.reading: ClockReading | None = None
        """The narrowest; None: no answer has told the time."""

    def database_said(self, now: datetime, *, since: float) -> None:
        """The database's clock was read: at some moment between *since*, in seconds of this host, and now."""
        self._anchor = (now, since, self._seconds())

    async def on_request(self, request: httpx.Request) -> None:
        """Note when a request leaves."""
        request.extensions[_ASKED_AT] = self._seconds()

    async def on_response(self, response: httpx.Response) -> None:
        """Compare the clocks when the head of an answer arrives."""
        told = parse_http_date(response.headers.get("date"))
        if told is None or self._anchor is None:
            return
        now, earliest, latest = self._anchor
        database_then = (
            now + timedelta(seconds=response.request.extensions[_ASKED_AT] - latest),
            now + timedelta(seconds=self._seconds() - earliest),
        )
        low, high = told - database_then[1], told + _ONE_SECOND - database_then[0]
        if max(abs(low), abs(high)) > MOST_OFFSET:
            return
        reading = ClockReading((low + high).total_seconds() / 2, (high - low).total_seconds() / 2)
        if self.reading is None or reading.uncertainty_seconds <= self.reading.uncertainty_seconds:
            self.reading = reading
