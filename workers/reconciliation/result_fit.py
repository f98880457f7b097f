"""Whether a result is as long and as large as what a request asked for, as far as both are known.

A mismatch tells requests apart; it never proves that a task is not ours, as the provider may have cut a request down.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Final

from reelqueue.errors import InvalidRequestError
from reelqueue.requests.resolution import Shape, read_resolution
from workers.dashscope import TaskAnswer

# A result may be some frames longer than what was asked for.
_TOLERANCE_SECONDS: Final = 0.5
_NOTHING: Final = Shape(None)


@dataclass(frozen=True, slots=True)
class Asked:
    """What a request says about its result."""

    duration: int | None
    """Seconds; below 1 the model decides."""
    resolution: str | None
    """``720P`` or ``1280x720``."""
    ratio: str | None = None
    """``16:9`` and its like."""


def is_result_of(asked: Asked, answer: TaskAnswer | None) -> bool:
    """Whether what a task says of its result agrees with a request; what is unknown agrees with everything."""
    usage = (answer.usage if answer else None) or {}
    return _is_as_long(asked, usage) and _has_shape(asked, usage)


def _is_as_long(asked: Asked, usage: dict[str, Any]) -> bool:
    seconds = _number(usage.get("output_video_duration", usage.get("duration", usage.get("video_duration"))))
    has_input = "output_video_duration" not in usage and bool(_number(usage.get("input_video_duration")))
    if seconds is None or asked.duration is None or asked.duration < 1 or has_input:
        return True
    return abs(seconds - asked.duration) <= _TOLERANCE_SECONDS


def _has_shape(asked: Asked, usage: dict[str, Any]) -> bool:
    wanted, size = _shape(asked.resolution), _shape(usage.get("size", usage.get("video_ratio")))
    lines, asked_lines = _number(usage.get("SR")) or _lines(size), _lines(wanted)
    ratio, asked_ratio = usage.get("ratio") or size.ratio, asked.ratio or wanted.ratio
    has_lines = lines is None or asked_lines is None or lines == asked_lines
    return has_lines and (ratio is None or asked_ratio in {None, "adaptive", ratio})


def _shape(text: object) -> Shape:
    try:
        return read_resolution(text) if isinstance(text, str) else _NOTHING
    except InvalidRequestError:
        return _NOTHING


def _lines(shape: Shape) -> float | None:
    return float(shape.tier.removesuffix("P")) if shape.tier else None


def _number(value: object) -> float | None:
    try:
        return float(value) if isinstance(value, int | float | str) else None
    except (ValueError, OverflowError):
        return None
