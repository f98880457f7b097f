"""The simulation notices a protocol that is broken: each way of breaking it is found within a few seeds."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from functools import partial

import pytest

from simulator.store.fault import Fault
from tests.system.simulation.bench import Bench
from tests.system.simulation.sabotage import SABOTAGES
from tests.system.simulation.seed import Story, play
from tests.system.simulation.temper import CALM

# Several times what it takes; a sabotage that is harder to notice is for the command: --sabotage NAME.
SEEDS = 160
"""At most; a crash between a POST and its answer, which one of them needs, comes in one seed of seventy."""
FIRST_SEEDS = {
    "release_the_slot_early": 15,
    "ask_by_our_own_clock": 3,
    "resend_after_a_crash": 3,
    "forget_what_was_kept_for_a_review": 1,
    "adopt_what_is_under_review": 1,
}
"""Played before the others, as it is known to notice; the others tell whether it only has another story by now."""
ALIKE = replace(CALM, jobs=4, twins=0.7, pictures=0.3)
REVIEWED = replace(ALIKE, jobs=5, scans=1)
LOST = [Fault("submit", "drop", phase="after")] * 4
"""Nothing happens but that every answer is lost, to requests of which many are alike."""
pytestmark = pytest.mark.timeout(600)


@pytest.mark.parametrize(
    "name",
    [
        "resend_what_was_ambiguous",
        "resend_after_a_crash",
        "skip_the_intent",
        "release_the_slot_early",
        "keep_the_slot",
        "forget_to_follow",
        "ask_by_our_own_clock",
        "believe_a_cut_list",
        "tell_nobody",
        "tell_under_a_new_id",
    ],
)
def test_a_broken_protocol_is_noticed(bench: Bench, name: str) -> None:
    assert first_to_notice(name, partial(play, bench)) is not None


def test_a_restored_database_that_is_not_compared_is_noticed(bench: Bench) -> None:
    assert first_to_notice("find_no_forgotten_task", partial(play, bench, restores=True)) is not None


@pytest.mark.parametrize("name", ["forget_what_was_kept_for_a_review", "adopt_what_is_under_review"])
def test_a_review_that_loses_its_result_is_noticed(bench: Bench, name: str) -> None:
    assert first_to_notice(name, partial(play, bench, temper=REVIEWED, faults=LOST)) is not None


@pytest.mark.parametrize("name", ["take_other_seeds_for_equal", "bind_sets_of_unequal_size"])
def test_a_set_that_is_bound_though_it_does_not_match_is_noticed(bench: Bench, name: str) -> None:
    assert first_to_notice(name, partial(play, bench, temper=ALIKE, faults=LOST)) is not None


@pytest.mark.parametrize("seed", range(3))
def test_lost_answers_of_requests_that_are_alike_are_settled(bench: Bench, seed: int) -> None:
    assert play(bench, seed, temper=ALIKE, faults=LOST).problems == []


def test_a_result_is_kept_while_its_job_waits_for_a_person_for_a_day(bench: Bench) -> None:
    story = play(bench, FIRST_SEEDS["forget_what_was_kept_for_a_review"], temper=REVIEWED, faults=LOST)

    assert not story.problems, str(story)
    assert story.counts["results kept for a review"] > 0
    assert story.counts["lists compared"] > 24


def first_to_notice(name: str, play_seed: Callable[[int], Story]) -> int | None:
    """The first seed that breaks a promise under a sabotage; None if there is none."""
    with SABOTAGES[name]():
        seeds = [FIRST_SEEDS.get(name, 0), *range(SEEDS)]
        return next((seed for seed in seeds if play_seed(seed).problems), None)
