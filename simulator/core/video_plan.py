"""From a wire body to the video that it describes: shape, length, sound and bill."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any, Final, cast

from reelqueue.catalog import Mode, ModelSpec, Protocol, Sound, Tier
from reelqueue.catalog.sizes import SHAPE_BY_SIZE, WAN27_SIZES
from simulator.references import SHAPING_ROLES, Reference
from simulator.tasks import ClipSpec

_DEFAULT_SECONDS: Final = 5
_CHOSEN_SECONDS: Final = 8
"""What Wan 3.0 "chooses" here when it may."""
_BILLED_REFERENCE_SECONDS_MAX: Final = 5
"""Of the reference videos of Wan 2.6 and 2.7 (Model Studio, pricing page, 2026-04)."""


@dataclass(frozen=True, slots=True)
class Rendition:
    """A video to be made, with what its bill needs."""

    clip: ClipSpec
    tier: Tier
    ratio: str
    output_seconds: float
    input_seconds: float
    """Billed seconds of input video."""


def plan_rendition(
    parameters: Mapping[str, Any], spec: ModelSpec, references: list[Reference], assumed_seconds: float
) -> Rendition:
    """What valid *parameters* describe.

    Args:
        parameters: Checked against *spec*.
        spec: The model.
        references: Media of the body.
        assumed_seconds: Length of every input video; the simulator does not measure them.
    """
    roles = [reference.role for reference in references]
    tier, ratio, size = _shape(parameters, spec)
    output_seconds = _output_seconds(parameters, spec, assumed_seconds)
    clip = ClipSpec(
        width=size[0],
        height=size[1],
        duration_seconds=float(output_seconds),
        has_audio=_has_audio(parameters, spec),
        follows_picture=not spec.sizes and not SHAPING_ROLES.isdisjoint(roles),
        frames_per_second=30 if spec.protocol is Protocol.WAN3 else 24,
    )
    return Rendition(clip, tier, ratio, output_seconds, _input_seconds(roles, spec, assumed_seconds))


def _shape(parameters: Mapping[str, Any], spec: ModelSpec) -> tuple[Tier, str, tuple[int, int]]:
    """Tier, ratio and pixels."""
    if spec.sizes:
        size = str(parameters.get("size") or _default_size(spec)).replace("*", "x")
        tier, ratio = spec.sizes[size]
        return tier, ratio, _pixels(size)
    # What a published model does not take was refused before; an added model may say anything.
    asked = parameters.get("resolution")
    if not spec.is_known and asked is None:
        asked = SHAPE_BY_SIZE.get(str(parameters.get("size")).replace("*", "x"), (None, ""))[0]
    tier = cast("Tier", _one_of(asked, WAN27_SIZES, spec.default_tier))
    ratio = _one_of(parameters.get("ratio"), spec.ratios, spec.default_ratio or "16:9")
    return tier, ratio, _sized(tier, "16:9" if ratio == "adaptive" else ratio)


def _one_of(value: object, choices: Iterable[str], default: str) -> str:
    return value if isinstance(value, str) and value in set(choices) else default


def _default_size(spec: ModelSpec) -> str:
    return next(size for size, shape in spec.sizes.items() if shape == (spec.default_tier, "16:9"))


def _sized(tier: Tier, ratio: str) -> tuple[int, int]:
    """The published pixels of a ratio, else the tier's usual number of pixels in that ratio."""
    sizes = WAN27_SIZES[tier]
    if ratio in sizes:
        return _pixels(sizes[ratio])
    width, height = map(int, ratio.split(":"))
    area = math.prod(_pixels(sizes["16:9"]))
    return _blocks(math.sqrt(area * width / height)), _blocks(math.sqrt(area * height / width))


def _pixels(size: str) -> tuple[int, int]:
    width, _, height = size.partition("x")
    return int(width), int(height)


def _blocks(pixels: float) -> int:
    return max(round(pixels / 16), 1) * 16


def _output_seconds(parameters: Mapping[str, Any], spec: ModelSpec, assumed_seconds: float) -> float:
    duration = parameters.get("duration")
    if duration is None:
        duration = spec.durations.default_seconds
    if Mode.VIDEO_EDIT in spec.modes:
        return min(assumed_seconds, duration) if duration else assumed_seconds
    if duration == -1:
        return _CHOSEN_SECONDS
    return duration if isinstance(duration, int) else _DEFAULT_SECONDS


def _input_seconds(roles: list[str], spec: ModelSpec, assumed_seconds: float) -> float:
    if "video" in roles:
        return assumed_seconds
    videos_seconds = roles.count("reference_video") * assumed_seconds
    if spec.protocol is Protocol.WAN3:
        return videos_seconds
    return min(videos_seconds, _BILLED_REFERENCE_SECONDS_MAX)


def _has_audio(parameters: Mapping[str, Any], spec: ModelSpec) -> bool:
    if spec.sound is Sound.SWITCH:
        return parameters.get("audio") is not False
    return spec.sound is not Sound.SILENT
