"""Check a request against the published capabilities of its model."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator
from typing import Final

from reelqueue.catalog import ModelSpec, Protocol, Sound, assume, lookup
from reelqueue.catalog.near_models import near_models
from reelqueue.catalog.sizes import WAN27_SIZES
from reelqueue.errors import InvalidRequestError
from reelqueue.requests.base import RenderRequest
from reelqueue.requests.error_messages import unknown_option
from reelqueue.requests.media_roles import placed_media
from reelqueue.requests.option_table import JOB_OPTIONS
from reelqueue.requests.resolution import read_resolution
from reelqueue.requests.rules.media_rules import check_media
from reelqueue.requests.rules.placeholders import placeholder_in

_CHINESE: Final = re.compile(r"[\u3400-\u4dbf\u4e00-\u9fff\uf900-\ufaff]")
_SEED_MAX: Final = 2_147_483_647


def spec_of(request: RenderRequest) -> ModelSpec:
    """What is published about the request's model, or assumed about an unknown one."""
    return lookup(request.model) or assume(request.model)


def check(request: RenderRequest) -> tuple[str, ...]:
    """What to know before rendering *request*: one sentence a warning.

    Raises:
        InvalidRequestError: The model cannot render it; the first reason found.
    """
    spec = spec_of(request)
    if request.mode not in spec.modes:
        raise InvalidRequestError(
            "wrong_mode", f"mode: {spec.id} renders {' or '.join(spec.modes)}, not {request.mode}", "mode"
        )
    return tuple(warning for rule in _RULES for warning in rule(request, spec))


def _check_known(request: RenderRequest, spec: ModelSpec) -> Iterator[str]:
    if not spec.is_known:
        yield (
            f"{spec.id} is in no published table: its options are sent unchecked, "
            f"as a {request.mode} model of the {spec.protocol} protocol{near_models(spec.id)}"
        )


def _check_options(request: RenderRequest, spec: ModelSpec) -> Iterable[str]:
    for name in sorted(request.model_fields_set - spec.options - JOB_OPTIONS - {"model"}):
        if getattr(request, name) is not None:
            raise unknown_option(name, type(request), spec.id)
    return ()


def _check_prompt(request: RenderRequest, spec: ModelSpec) -> Iterable[str]:
    rule, prompt = spec.prompt, request.prompt or ""
    is_needed = rule.required and not (rule.unless_media and placed_media(request, spec))
    if is_needed and not prompt.strip():
        raise InvalidRequestError("missing_option", f"prompt: {spec.id} needs one", "prompt")
    length = len(prompt)
    if rule.chinese_weight > 1:
        length += len(_CHINESE.findall(prompt)) * (rule.chinese_weight - 1)
    if length > rule.characters_max:
        raise InvalidRequestError(
            "too_long",
            f"prompt: {spec.id} reads {rule.characters_max} characters, not {length}; "
            "the service would cut the rest without a word and bill the video",
            "prompt",
        )
    return ()


def _check_placeholders(request: RenderRequest, spec: ModelSpec) -> Iterator[str]:  # noqa: ARG001 - as all rules
    for option in ("prompt", "negative_prompt"):
        text = getattr(request, option)
        if text is not None and (seen := placeholder_in(text)) is not None:
            yield f"{option}: {seen!r} looks like a placeholder; it would be rendered, and paid for, as it is"


def _check_resolution(request: RenderRequest, spec: ModelSpec) -> Iterator[str]:
    if request.resolution is None:
        return
    shape = read_resolution(request.resolution)
    if not spec.is_known:
        return
    by_size = shape.size is not None and bool(spec.sizes)
    if (by_size and shape.size not in spec.sizes) or shape.tier not in spec.tiers:
        sizes = f" or {', '.join(spec.sizes)}" if spec.sizes else ""
        raise InvalidRequestError(
            "out_of_range",
            f"resolution: {spec.id} takes {', '.join(spec.tiers)}{sizes}, not {request.resolution[:40]!r}",
            "resolution",
        )
    if shape.size is None or spec.sizes:
        return
    if spec.ratios:
        rendered = WAN27_SIZES[shape.tier].get(shape.ratio or "", shape.size)
        if rendered != shape.size:
            yield f"{spec.id} renders {shape.ratio} at {shape.tier} as {rendered}, not {shape.size}"
    else:
        yield f"{spec.id} takes the aspect ratio of its input; of {shape.size} only the tier {shape.tier} is sent"


def _check_ratio(request: RenderRequest, spec: ModelSpec) -> Iterator[str]:
    ratio = request.given("ratio")
    shape = read_resolution(request.resolution) if request.resolution is not None else None
    asked = ratio if ratio is not None else (shape.ratio if shape and spec.ratios else None)
    if asked is not None and spec.is_known and asked not in spec.ratios:
        field = "ratio" if ratio is not None else "resolution"
        raise InvalidRequestError(
            "out_of_range", f"{field}: {spec.id} takes the ratios {', '.join(spec.ratios)}, not {asked[:40]!r}", field
        )
    if ratio is not None and spec.ratios and shape and shape.ratio and shape.ratio != ratio:
        yield f"ratio {ratio} overrides the {shape.ratio} of {shape.size}"


def _check_duration(request: RenderRequest, spec: ModelSpec) -> Iterable[str]:
    seconds = request.duration
    if seconds is not None and spec.is_known and not spec.durations.allows(seconds):
        raise InvalidRequestError(
            "out_of_range", f"duration: {spec.id} takes {spec.durations}, not {seconds}", "duration"
        )
    return ()


def _check_seed(request: RenderRequest, spec: ModelSpec) -> Iterable[str]:
    least = -1 if spec.protocol is Protocol.WAN3 else 0
    if request.seed is not None and spec.is_known and not least <= request.seed <= _SEED_MAX:
        raise InvalidRequestError(
            "out_of_range", f"seed: {spec.id} takes {least} to {_SEED_MAX}, not {request.seed}", "seed"
        )
    return ()


def _check_sound(request: RenderRequest, spec: ModelSpec) -> Iterator[str]:
    if request.audio is not False:
        return
    if spec.sound is not Sound.SWITCH:
        raise InvalidRequestError(
            "out_of_range",
            f"audio: {spec.id} always has sound; leave audio out or take a model that can be silent",
            "audio",
        )
    if request.given("audio_url") is not None:
        yield "audio is off, so audio_url will not be heard"


def _check_audio_url(request: RenderRequest, spec: ModelSpec) -> Iterable[str]:
    # Where the track is one of the media, its role says what it may be.
    url = request.given("audio_url")
    if url is not None and spec.is_known and url.startswith("data:"):
        raise InvalidRequestError(
            "bad_url", f"audio_url: {spec.id} takes it by http, https or oss URL only, not embedded", "audio_url"
        )
    return ()


def _check_watermark(request: RenderRequest, spec: ModelSpec) -> Iterator[str]:
    if request.watermark is None and spec.watermark_default:
        yield f"{spec.id} puts a watermark on the video unless watermark is false"


def _check_shots(request: RenderRequest, spec: ModelSpec) -> Iterator[str]:
    if request.given("shot_type") is not None and request.prompt_extend is False:
        yield f"shot_type has no effect on {spec.id} while prompt_extend is off"


def _check_doubts(request: RenderRequest, spec: ModelSpec) -> Iterator[str]:
    for doubt in spec.doubts:
        value = request.given(doubt.option)
        if doubt.option == "resolution" and request.resolution is not None:
            value = read_resolution(request.resolution).tier
        if value is not None and (doubt.values is None or value in doubt.values):
            yield doubt.note


def _check_raw(request: RenderRequest, spec: ModelSpec) -> Iterator[str]:
    if request.raw:
        yield f"{', '.join(sorted(request.raw))}: sent to {spec.id} unchecked"


_RULES: Final[tuple[Callable[[RenderRequest, ModelSpec], Iterable[str]], ...]] = (
    _check_known,
    _check_options,
    _check_prompt,
    _check_placeholders,
    _check_resolution,
    _check_ratio,
    _check_duration,
    _check_seed,
    _check_sound,
    _check_audio_url,
    _check_watermark,
    _check_shots,
    check_media,
    _check_doubts,
    _check_raw,
)
