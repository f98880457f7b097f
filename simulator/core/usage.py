"""The ``usage`` object of a finished task, which every generation of models spells differently."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, Final

from reelqueue.catalog import Mode, ModelSpec, Protocol, Sound
from simulator.core.video_plan import Rendition

Usage = dict[str, Any]

_SECONDS: Final = ("duration", "input_video_duration", "output_video_duration")


def usage_of(rendition: Rendition, spec: ModelSpec) -> Usage:
    """``usage`` for a rendition; its ``duration`` or ``video_duration`` is what is billed.

    Source: samples on the Model Studio pages of each generation, 2026-02 to 2026-10.
    """
    return _shape_of(spec)(rendition, spec)


def _shape_of(spec: ModelSpec) -> Callable[[Rendition, ModelSpec], Usage]:
    if spec.protocol is Protocol.WAN3:
        return _wan3
    if spec.protocol is Protocol.MEDIA:
        return _edit if Mode.VIDEO_EDIT in spec.modes else _media
    if spec.id.startswith("wan2.6"):
        return _wan26
    if Mode.TEXT_TO_VIDEO in spec.modes:
        return _early_text
    return _wan21_image if "2.1" in spec.id else _early_image


def _early_text(rendition: Rendition, _spec: ModelSpec) -> Usage:
    clip = rendition.clip
    size = f"{clip.width}*{clip.height}"
    return {"video_duration": int(rendition.output_seconds), "video_ratio": size, "video_count": 1}


def _early_image(rendition: Rendition, _spec: ModelSpec) -> Usage:
    return {"duration": int(rendition.output_seconds), "SR": _lines(rendition), "video_count": 1}


def _wan21_image(rendition: Rendition, _spec: ModelSpec) -> Usage:
    return {"video_duration": int(rendition.output_seconds), "video_ratio": "standard", "video_count": 1}


def _wan26(rendition: Rendition, spec: ModelSpec) -> Usage:
    usage = _seconds(rendition) | {"SR": _lines(rendition), "video_count": 1}
    if spec.sizes:
        usage["size"] = f"{rendition.clip.width}*{rendition.clip.height}"
    elif spec.sound is Sound.SWITCH:
        usage["audio"] = rendition.clip.has_audio
    return usage


def _media(rendition: Rendition, spec: ModelSpec) -> Usage:
    usage = _seconds(rendition) | {"video_count": 1, "SR": _lines(rendition)}
    return usage | {"ratio": rendition.ratio} if spec.ratios else usage


def _edit(rendition: Rendition, _spec: ModelSpec) -> Usage:
    return _float_seconds(rendition) | {"video_count": 1, "SR": _lines(rendition)}


def _wan3(rendition: Rendition, _spec: ModelSpec) -> Usage:
    details = {"fps": rendition.clip.frames_per_second, "SR": _lines(rendition), "ratio": rendition.ratio}
    return _float_seconds(rendition) | details | {"video_count": 1}


def _seconds(rendition: Rendition) -> Usage:
    return {name: int(value) if value.is_integer() else value for name, value in _float_seconds(rendition).items()}


def _float_seconds(rendition: Rendition) -> dict[str, float]:
    seconds = (rendition.input_seconds + rendition.output_seconds, rendition.input_seconds, rendition.output_seconds)
    # Rounded, because 5.02 + 5.02 must be billed as 10.04.
    return {name: round(float(value), 2) for name, value in zip(_SECONDS, seconds, strict=True)}


def _lines(rendition: Rendition) -> int:
    return int(rendition.tier.removesuffix("P"))


def shows_rewritten_prompt(spec: ModelSpec, source: Mapping[str, Any], parameters: Mapping[str, Any]) -> bool:
    """Whether the answer carries ``actual_prompt``: up to Wan 2.5, unless rewriting is switched off."""
    is_early = spec.protocol in {Protocol.LEGACY, Protocol.FIRST_LAST} and not spec.id.startswith("wan2.6")
    return is_early and bool(source.get("prompt")) and parameters.get("prompt_extend") is not False
