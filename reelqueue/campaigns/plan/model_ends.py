"""Which clips of a campaign would not be rendered before the provider takes their model away."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import datetime, timedelta
from typing import Final

from reelqueue.campaigns.plan.eta import Lane, eta
from reelqueue.catalog import MODELS
from reelqueue.schemas.campaigns import ModelSpeed

_FAMILY: Final = ("wan2", "wan3")
"""Ids of later models come later in the order of text."""
_UNMEASURED_P50_SECONDS: Final = 180.0
_UNMEASURED_P90_SECONDS: Final = 600.0
"""Of a model that this server has not measured; the provider's pages name one to five minutes."""


def late_models(
    clip_counts: Mapping[str, int], speeds: Iterable[ModelSpeed], *, begin: datetime, slack: timedelta
) -> list[str]:
    """A sentence for each model that ends before its clips are rendered, nine times in ten, with an alternative.

    Args:
        clip_counts: Clips to render, by model.
        speeds: Of these models, with their ends.
        begin: When the first is submitted.
        slack: How long before the end they must be there.
    """
    ends = {speed.model: speed for speed in speeds if speed.ends_at is not None and clip_counts.get(speed.model)}
    return [
        _sentence(speed, clip_counts[model], finish, ends)
        for model, speed in ends.items()
        if (finish := _finish(speed, clip_counts[model], begin)) + slack > (speed.ends_at or finish)
    ]


def _finish(speed: ModelSpeed, count: int, begin: datetime) -> datetime:
    p50 = speed.p50_seconds or _UNMEASURED_P50_SECONDS
    lane = Lane(
        clip_count=count,
        slots=max(speed.slots, 1),
        submits_per_second=max(speed.submits_per_second, 0.001),
        p50_seconds=p50,
        p90_seconds=max(p50, speed.p90_seconds or _UNMEASURED_P90_SECONDS),
        mean_seconds=speed.mean_seconds,
    )
    return begin + timedelta(seconds=eta([lane]).p90_seconds)


def _sentence(speed: ModelSpeed, count: int, finish: datetime, ending: Mapping[str, ModelSpeed]) -> str:
    clips = "1 clip" if count == 1 else f"{count} clips"
    other = _alternative(speed.model, ending)
    instead = f"use {other}, " if other else ""
    return (
        f"{speed.model} ends on {speed.ends_at:%Y-%m-%d %H:%M} UTC, and its {clips} would be rendered by "
        f"{finish:%Y-%m-%d %H:%M} UTC: {instead}start earlier, or render fewer"
    )


def _alternative(model: str, ending: Mapping[str, ModelSpeed]) -> str | None:
    """The newest published model of the same kind that does not end as well."""
    spec = MODELS.get(model)
    if spec is None:
        return None
    like = [
        one.id
        for one in MODELS.values()
        if one.id not in ending and one.modes == spec.modes and one.id.startswith(_FAMILY) and one.id != model
    ]
    undated = [one for one in like if not one[-2:].isdigit()]
    return max(undated or like, default=None)
