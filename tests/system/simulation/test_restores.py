"""Restores at random moments, beside a list that shows no task: the journal alone keeps them from being paid twice."""

from __future__ import annotations

import pytest

from tests.system.simulation.bench import Bench
from tests.system.simulation.restores import NEVER, restored_campaign
from tests.system.simulation.seed import Story, play

pytestmark = pytest.mark.timeout(600)


def restored(bench: Bench, seed: int, *, has_journal: bool) -> Story:
    return play(bench, seed, temper=restored_campaign(NEVER, clips=6, has_journal=has_journal))


@pytest.mark.parametrize("seed", [2, 5])
def test_what_no_list_shows_is_not_paid_twice(bench: Bench, seed: int) -> None:
    story = restored(bench, seed, has_journal=True)

    assert not story.problems, str(story)
    assert (story.counts["paid twice"], story.counts["clips"]) == (0, 6)
    assert story.counts["restored: dump"] > 0


def test_without_the_journal_it_is_paid_twice(bench: Bench) -> None:
    stories = (restored(bench, seed, has_journal=False) for seed in (2, 5, *range(10)))

    assert any(story.counts["paid twice"] for story in stories)
