"""Checks of ``parameters``."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any, Final

from reelqueue.catalog import ModelSpec, Protocol
from simulator.errors import TaskFailure

SEED_MAX: Final = 2_147_483_647
_FLAGS: Final = ("prompt_extend", "watermark", "audio")
_SECONDS_WITH_REFERENCE_VIDEO_MAX: Final = 10
"""Of wan2.7-r2v, which renders up to 15 s otherwise."""


def refuse(message: str) -> TaskFailure:
    """The failure that the service gives for a bad parameter."""
    return TaskFailure("InvalidParameter", message)


def check_parameters(parameters: Mapping[str, Any], spec: ModelSpec, *, has_reference_video: bool) -> None:
    """Check everything but media.

    Raises:
        TaskFailure: The first thing that the model does not take.
    """
    if not spec.is_known:
        return
    _check_shape(parameters, spec)
    _check_duration(parameters.get("duration"), spec, has_reference_video=has_reference_video)
    _check_seed(parameters.get("seed"), spec)
    for name in _FLAGS:
        if parameters.get(name) is not None and not isinstance(parameters[name], bool):
            raise refuse(f"Input should be a valid boolean: parameters.{name}")
    if "shot_type" in spec.extras:
        _check_choice(parameters.get("shot_type"), ("single", "multi"))


def _check_shape(parameters: Mapping[str, Any], spec: ModelSpec) -> None:
    if spec.sizes:
        sizes = [size.replace("x", "*") for size in spec.sizes]
        if parameters.get("size") is not None and parameters["size"] not in sizes:
            raise refuse(f"size must be in {','.join(sizes)}")  # seen
        return
    _check_choice(parameters.get("resolution"), spec.tiers[::-1])
    if spec.ratios:
        _check_choice(parameters.get("ratio"), spec.ratios)


def _check_duration(duration: object, spec: ModelSpec, *, has_reference_video: bool) -> None:
    if duration is None or not spec.durations.seconds:
        return
    if isinstance(duration, bool) or not isinstance(duration, int):
        raise refuse("Input should be a valid integer: parameters.duration")
    seconds = spec.durations.seconds
    if has_reference_video and spec.protocol is Protocol.MEDIA:
        seconds = tuple(range(seconds[0], _SECONDS_WITH_REFERENCE_VIDEO_MAX + 1))
    if duration in seconds or duration in spec.durations.special:
        return
    if len(seconds) == 1:
        raise refuse("duration customization is not supported")  # seen
    if seconds == tuple(range(seconds[0], seconds[-1] + 1)):
        raise refuse(f"Duration should be between {seconds[0]} and {seconds[-1]}")  # seen
    raise refuse(f"duration must be in {','.join(map(str, seconds))}")


def _check_seed(seed: object, spec: ModelSpec) -> None:
    if seed is None:
        return
    if isinstance(seed, bool) or not isinstance(seed, int):
        raise refuse("Input should be a valid integer: parameters.seed")
    minimum = -1 if spec.protocol is Protocol.WAN3 else 0
    if not minimum <= seed <= SEED_MAX:
        raise refuse(f"Seed should be between {minimum} and {SEED_MAX}")


def _check_choice(value: object, choices: Iterable[str]) -> None:
    quoted = [f"'{choice}'" for choice in choices]
    if value is not None and (not isinstance(value, str) or f"'{value}'" not in quoted):
        # Seen for two choices: "Input should be '1080P' or '720P'".
        raise refuse(f"Input should be {' or '.join([', '.join(quoted[:-1]), quoted[-1]] if quoted[1:] else quoted)}")
