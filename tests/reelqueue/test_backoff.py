"""Delays between tries: they grow, they end at the longest, and they spread."""

from __future__ import annotations

import pytest

from reelqueue.backoff import Backoff


def test_each_failure_doubles_the_delay_up_to_the_longest() -> None:
    backoff = Backoff(0.5, 3)

    assert [backoff.delay(failures) for failures in (1, 2, 3, 4, 1_000_000)] == [0.5, 1, 2, 3, 3]


def test_the_growth_may_be_slower() -> None:
    backoff = Backoff(0.25, 5, factor=1.5)

    assert [backoff.delay(failures) for failures in (1, 2, 3, 20)] == [0.25, 0.375, 0.5625, 5]


@pytest.mark.parametrize("jitter", [0.1, 0.5, 1.0])
def test_jitter_shortens_a_delay_by_its_share_and_never_lengthens_it(jitter: float) -> None:
    delays = [Backoff(8, 64, jitter).delay(failures) for failures in (1, 2) for _ in range(200)]

    assert all(8 * (1 - jitter) <= delay <= 8 for delay in delays[:200])
    assert all(16 * (1 - jitter) <= delay <= 16 for delay in delays[200:])
    assert len(set(delays)) > 100


@pytest.mark.parametrize(("asked", "delay"), [(0, 2), (1, 2), (30, 30), (86_400, 60)])
def test_the_other_side_may_ask_for_a_longer_delay_but_not_beyond_the_longest(asked: float, delay: float) -> None:
    assert Backoff(1, 60).delay(2, at_least=asked) == delay
