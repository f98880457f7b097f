"""The one way to pay twice that is left, and that users are told about: a listing that hides a task for a minute."""

from __future__ import annotations

from dataclasses import replace

import pytest

from simulator.store.fault import Fault
from tests.system.simulation.bench import Bench
from tests.system.simulation.seed import Story, play
from tests.system.simulation.temper import CALM

_SEED = 2
"""Its only prompt renders at the first try."""
LOST_ANSWER = Fault("submit", "drop", phase="after")


def test_a_listing_that_lags_less_than_a_minute_behind_costs_nothing(bench: Bench) -> None:
    story = _lose_an_answer(bench, lag_seconds=45)

    assert story.counts["attempts: adopted"] == 1
    assert story.counts["bought again: hidden from the listing"] == 0


@pytest.mark.parametrize("lag_seconds", [240, 3600])
def test_a_listing_that_lags_longer_has_a_render_bought_again(bench: Bench, lag_seconds: float) -> None:
    story = _lose_an_answer(bench, lag_seconds=lag_seconds)

    assert story.counts["attempts: not_created"] == 1
    assert story.counts["attempts: bound"] == 1
    assert story.counts["bought again: hidden from the listing"] == 1


def _lose_an_answer(bench: Bench, *, lag_seconds: float) -> Story:
    story = play(bench, _SEED, temper=replace(CALM, lag_seconds=lag_seconds), faults=[LOST_ANSWER])

    assert not story.problems, str(story)
    return story
