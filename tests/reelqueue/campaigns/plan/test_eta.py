"""Does a campaign end when its ETA says? Against the simulator's own queue, played many times."""

from __future__ import annotations

from random import Random

import pytest

from reelqueue.campaigns.plan.eta import Lane, eta
from simulator.core.slot_queue import Finished, Waiting
from simulator.core.slot_queue import Lane as Queue

SLOTS = 5
CAMPAIGNS = 60


def run_seconds(dice: Random) -> float:
    """As the simulator draws it: 60 to 300 s, one clip in fifty up to 720 s."""
    return dice.uniform(300, 720) if dice.random() < 1 / 50 else dice.uniform(60, 300)


def makespan_seconds(dice: Random, clip_count: int) -> float:
    """How long the provider's slots need for a campaign that is handed in at once."""
    queue = Queue(SLOTS)
    for number in range(clip_count):
        queue.add(Waiting(str(number), 0, round(run_seconds(dice) * 1000)))
    return max(event.at_ms for event in queue.events(10**12) if isinstance(event, Finished)) / 1000


@pytest.mark.parametrize("clip_count", [20, 240, 1_500])
def test_campaigns_end_within_their_eta(clip_count: int) -> None:
    dice = Random(3)  # noqa: S311 - the same campaigns each time
    measured = sorted(run_seconds(dice) for _ in range(5_000))
    told = eta(
        [
            Lane(
                clip_count=clip_count,
                slots=SLOTS,
                submits_per_second=SLOTS,
                p50_seconds=measured[2_500],
                p90_seconds=measured[4_500],
                mean_seconds=sum(measured) / len(measured),
            )
        ]
    )

    ends = [makespan_seconds(dice, clip_count) for _ in range(CAMPAIGNS)]

    # Half of them earlier than the first time and nine of ten than the second, give or take what 60 can show.
    assert 0.25 <= sum(end <= told.p50_seconds for end in ends) / CAMPAIGNS <= 0.85
    assert sum(end <= told.p90_seconds for end in ends) / CAMPAIGNS >= 0.75
