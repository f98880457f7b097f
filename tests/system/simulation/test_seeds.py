"""Thousands of stories in which workers die, messages get lost and the provider lies; here some of them.

The first ones are the same in every run. The others are drawn by the number that pytest-randomly prints, so that one
run after the other plays new stories; a story that fails names its seed, and ``FOUND`` keeps it.
``python -m tests.system.simulation --seeds 5000`` plays more, and with ``--restores`` those of a restored database,
with ``--scans`` those in which jobs wait for a person.
"""

from __future__ import annotations

import random

import pytest

from tests.system.simulation.bench import Bench
from tests.system.simulation.seed import play

SEEDS = 20
RESTORED_SEEDS = 5
REVIEWED_SEEDS = 3
DRAWN_SEEDS = 20
DRAWN_RESTORED_SEEDS = 3
DRAWN_REVIEWED_SEEDS = 2

# Seeds that found something, and what; played for as long as their numbers still tell the story.
FOUND: dict[int, str] = {
    400200: "an equal request had taken the task, and its own lay outside of the window: submitted again",
}


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    """Give the stories of every run and those of this one; each process of pytest-xdist draws the same."""
    chance = random.Random(metafunc.config.getoption("randomly_seed", default=0))  # noqa: S311 - stories, no secrets
    counts = (DRAWN_SEEDS, DRAWN_RESTORED_SEEDS, DRAWN_REVIEWED_SEEDS)
    drawn = [chance.sample(range(1_000, 1_000_000), count) for count in counts]
    if "story_seed" in metafunc.fixturenames:
        metafunc.parametrize("story_seed", [*range(SEEDS), *FOUND, *drawn[0]])
    if "restored_seed" in metafunc.fixturenames:
        metafunc.parametrize("restored_seed", [*range(RESTORED_SEEDS), *drawn[1]])
    if "reviewed_seed" in metafunc.fixturenames:
        metafunc.parametrize("reviewed_seed", [*range(REVIEWED_SEEDS), *drawn[2]])


def test_no_render_is_lost_and_none_is_paid_for_twice(bench: Bench, story_seed: int) -> None:
    story = play(bench, story_seed)

    assert not story.problems, str(story)


def test_a_restored_database_pays_for_nothing_twice(bench: Bench, restored_seed: int) -> None:
    story = play(bench, restored_seed, restores=True)

    assert not story.problems, str(story)


def test_a_result_outlives_the_review_that_decides_whose_it_is(bench: Bench, reviewed_seed: int) -> None:
    story = play(bench, reviewed_seed, scans=True)

    assert not story.problems, str(story)


@pytest.mark.parametrize("seed", [3, 6])
def test_a_seed_is_the_same_story_every_time(bench: Bench, seed: int) -> None:
    assert play(bench, seed).trace == play(bench, seed).trace


def test_a_seed_with_restores_is_the_same_story_every_time(bench: Bench) -> None:
    stories = (play(bench, seed, restores=True) for seed in range(20))
    story = next(one for one in stories if any(name.startswith("restored: ") for name in one.counts))

    assert play(bench, story.seed, restores=True).trace == story.trace
