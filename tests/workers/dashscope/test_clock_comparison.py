"""The provider's clock is read from its answers, as an interval that holds however slow they were."""

from __future__ import annotations

import asyncio
from datetime import timedelta
from email.utils import format_datetime

import httpx
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.support.virtual_clock import START
from workers.dashscope import ClockComparison

SECONDS = st.floats(0, 30)


class Count:
    """Seconds of a host, in the test's hands."""

    def __init__(self) -> None:
        self.seconds = 7.0

    def __call__(self) -> float:
        """The count now."""
        return self.seconds


def exchange(comparison: ClockComparison, count: Count, headers: dict[str, str], *, seconds: float = 0.0) -> None:
    """One question and its answer."""
    request = httpx.Request("GET", "https://dashscope.test")
    asyncio.run(comparison.on_request(request))
    count.seconds += seconds
    asyncio.run(comparison.on_response(httpx.Response(200, headers=headers, request=request)))


@given(offset=st.floats(-1.7e5, 1.7e5), read=SECONDS, between=SECONDS, there=SECONDS, back=SECONDS)
def test_the_true_offset_is_within_the_reading(
    offset: float, read: float, between: float, there: float, back: float
) -> None:
    count = Count()
    comparison = ClockComparison(count)
    since, true = count.seconds, 0.0
    count.seconds += read
    database_at_read = START + timedelta(seconds=read / 2)
    comparison.database_said(database_at_read, since=since)
    true = read + between + there  # seconds since the start when the answer is written
    count.seconds += between
    written_at = START + timedelta(seconds=true + offset)

    header = format_datetime(written_at.replace(microsecond=0), usegmt=True)
    exchange(comparison, count, {"Date": header}, seconds=there + back)

    reading = comparison.reading
    assert reading is not None
    assert abs(reading.offset_seconds - offset) <= reading.uncertainty_seconds + 1e-3
    assert reading.uncertainty_seconds <= (1 + there + back + read) / 2 + 1e-3


def test_the_narrowest_reading_counts() -> None:
    count = Count()
    comparison = ClockComparison(count)
    comparison.database_said(START, since=count.seconds)
    date = {"Date": format_datetime(START, usegmt=True)}

    exchange(comparison, count, date, seconds=20)
    assert comparison.reading is not None
    assert comparison.reading.uncertainty_seconds == pytest.approx(10.5)
    exchange(comparison, count, date)
    exchange(comparison, count, date, seconds=20)

    assert comparison.reading.uncertainty_seconds == pytest.approx(0.5)


@pytest.mark.parametrize(
    "headers",
    [
        {},
        {"Date": "yesterday"},
        {"Date": ""},
        {"Date": "Mon, 99 Nov 2026 9:00 GMT"},
        {"Date": "Fri, 31 Dec 9999 23:59:59 GMT"},
        {"Date": "Mon, 01 Jan 0001 00:00:00 GMT"},
        {"Date": "Mon, 01 Jan 0001 00:00:00 +1400"},
        {"Date": "Thu, 01 Jan 1970 00:00:00 GMT"},
        {"Date": "Mon, 23 Nov 2099 12:00:00 GMT"},  # no clock that is in use
        {"Date": "9" * 5000},
    ],
)
def test_what_is_no_date_tells_nothing(headers: dict[str, str]) -> None:
    count = Count()
    comparison = ClockComparison(count)
    comparison.database_said(START, since=count.seconds)

    exchange(comparison, count, headers)

    assert comparison.reading is None


def test_without_the_databases_clock_there_is_nothing_to_compare() -> None:
    count = Count()
    comparison = ClockComparison(count)

    exchange(comparison, count, {"Date": format_datetime(START, usegmt=True)})

    assert comparison.reading is None
