"""Estimate when a campaign will be finished, from its slots and from measured render times."""

from __future__ import annotations

import heapq
import math
import random
from collections.abc import Iterable
from dataclasses import dataclass
from statistics import NormalDist
from typing import Final

_Z90: Final = NormalDist().inv_cdf(0.9)
_PLAYED_CLIPS_MAX: Final = 1_000
_PLAYS: Final = 200


@dataclass(frozen=True, slots=True, kw_only=True)
class Lane:
    """Clips of one model, and what renders them beside the other models."""

    clip_count: int
    slots: int
    """Tasks that run at a time, over all accounts."""
    submits_per_second: float
    """Over all accounts."""
    p50_seconds: float
    """Half of the clips have rendered in this time."""
    p90_seconds: float
    """Nine of ten have."""
    mean_seconds: float | None = None
    """What they take on average, where it was measured; else what a log-normal with these two has."""


@dataclass(frozen=True, slots=True)
class Eta:
    """How long a campaign takes from its first submit to its last video, in seconds."""

    p50_seconds: float
    p90_seconds: float


def eta(lanes: Iterable[Lane]) -> Eta:
    """The time until the slowest lane is done; zero without lanes.

    Render times are taken as log-normal, which fits long tails with two numbers; where their mean was measured, it
    counts, as of many clips nothing else is seen. A lane's slots share its work evenly but for the end, where some
    stand empty while the last clips run.

    Raises:
        ValueError: A lane has no slot, or times that cannot be.
    """
    times = [_lane_eta(lane) for lane in lanes if lane.clip_count]
    return Eta(max((time.p50_seconds for time in times), default=0.0), max((t.p90_seconds for t in times), default=0.0))


def _lane_eta(lane: Lane) -> Eta:
    if lane.slots < 1 or lane.submits_per_second <= 0 or not 0 < lane.p50_seconds <= lane.p90_seconds:
        raise ValueError(f"no time can be estimated for {lane}")
    sigma = math.log(lane.p90_seconds / lane.p50_seconds) / _Z90
    rendered = _played(lane, sigma) if lane.clip_count <= _PLAYED_CLIPS_MAX else _calculated(lane, sigma)
    # The submits' pace is a floor: the last clip cannot begin before all others were submitted.
    paced = (lane.clip_count - 1) / lane.submits_per_second + lane.p50_seconds
    return Eta(max(paced, rendered.p50_seconds), max(paced, rendered.p90_seconds))


def _mean(lane: Lane, sigma: float) -> float:
    return lane.mean_seconds or lane.p50_seconds * math.exp(sigma**2 / 2)


def _played(lane: Lane, sigma: float) -> Eta:
    """From playing the queue many times; where clips are few, how the last ones fall decides."""
    dice = random.Random(lane.clip_count)  # noqa: S311 - the same question gets the same answer
    mu, ends = math.log(_mean(lane, sigma)) - sigma**2 / 2, []
    for _ in range(_PLAYS):
        free_at = [0.0] * min(lane.slots, lane.clip_count)
        for _ in range(lane.clip_count):
            heapq.heapreplace(free_at, free_at[0] + dice.lognormvariate(mu, sigma))
        ends.append(max(free_at))
    ends.sort()
    return Eta(ends[_PLAYS // 2], ends[_PLAYS * 9 // 10])


def _calculated(lane: Lane, sigma: float) -> Eta:
    """From sums, of which many clips differ little: the work shared by the slots, and an uneven end."""
    mean = _mean(lane, sigma)
    variance = mean**2 * math.expm1(sigma**2)
    # Of the clips that run when the queue is empty, what is left is on average (m^2 + v) / 2m (the inspection
    # paradox); the longest of `slots` such rests stands out from their mean as the maximum of exponentials does.
    rest = (mean**2 + variance) / (2 * mean)
    end = lane.clip_count * mean / lane.slots + rest * (sum(1 / number for number in range(1, lane.slots + 1)) - 1)
    return Eta(end, end + _Z90 * (math.sqrt(lane.clip_count * variance) / lane.slots + math.sqrt(variance) / 2))
