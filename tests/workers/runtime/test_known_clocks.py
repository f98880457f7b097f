"""A measurement of a provider's clock holds until the database's clock is set, and for ten minutes."""

from __future__ import annotations

from datetime import timedelta
from uuid import UUID

import pytest

from tests.support.virtual_clock import START
from workers.runtime.known_clocks import KnownClocks

ACCOUNT, OTHER = UUID(int=1), UUID(int=2)


@pytest.mark.parametrize(
    ("counted_seconds", "went_on_seconds", "is_known"),
    [
        (0, 0, True),
        (500, 500, True),
        (500, 503, True),  # clocks drift
        (601, 601, False),
        (5, 3605, False),
        (5, -3595, False),
        (500, 480, False),
    ],
)
def test_how_long_it_holds(counted_seconds: float, went_on_seconds: float, *, is_known: bool) -> None:
    clocks = KnownClocks()
    clocks.keep(ACCOUNT, 600.0, now=START, seconds=1000.0)

    known = clocks.of(ACCOUNT, now=START + timedelta(seconds=went_on_seconds), seconds=1000.0 + counted_seconds)

    assert (known is not None and known.offset_seconds == 600.0) is is_known


def test_each_account_has_its_own() -> None:
    clocks = KnownClocks()
    clocks.keep(ACCOUNT, None, now=START, seconds=0.0)

    assert clocks.of(OTHER, now=START, seconds=0.0) is None
    known = clocks.of(ACCOUNT, now=START, seconds=0.0)
    assert known is not None
    assert known.offset_seconds is None
