"""Thousands of stories in which workers die, messages get lost and the provider lies; here some of them.

``python -m tests.system.simulation --seeds 5000`` plays more, and with ``--restores`` those of a restored database.
"""

from __future__ import annotations

import pytest

from tests.system.simulation.bench import Bench
from tests.system.simulation.seed import play

SEEDS = 150
RESTORED_SEEDS = 20

# Seeds that found something, and what; played for as long as their numbers still tell the story.
FOUND: dict[int, str] = {
    400200: "an equal request had taken the task, and its own lay outside of the window: submitted again",
}


@pytest.mark.parametrize("seed", [*range(SEEDS), *FOUND])
def test_no_render_is_lost_and_none_is_paid_for_twice(bench: Bench, seed: int) -> None:
    story = play(bench, seed)

    assert not story.problems, str(story)


@pytest.mark.parametrize("seed", range(RESTORED_SEEDS))
def test_a_restored_database_pays_for_nothing_twice(bench: Bench, seed: int) -> None:
    story = play(bench, seed, restores=True)

    assert not story.problems, str(story)


@pytest.mark.parametrize("seed", [3, 6, 23])
def test_a_seed_is_the_same_story_every_time(bench: Bench, seed: int) -> None:
    assert play(bench, seed).trace == play(bench, seed).trace


def test_a_seed_with_restores_is_the_same_story_every_time(bench: Bench) -> None:
    stories = (play(bench, seed, restores=True) for seed in range(RESTORED_SEEDS))
    story = next(one for one in stories if any(name.startswith("restored: ") for name in one.counts))

    assert play(bench, story.seed, restores=True).trace == story.trace
