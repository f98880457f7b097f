"""Wan 2.5 and 2.6: sound, longer prompts, references; the last families with ``size`` and ``img_url``.

Source: Alibaba Cloud Model Studio, legacy Wan text-to-video, image-to-video and reference-to-video
references; rate limits page. Read 2026-11.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final

from reelqueue.catalog.limits import AUDIO_TRACK, LEGACY_FIRST_FRAME, REFERENCE_VIDEO
from reelqueue.catalog.sizes import legacy_sizes
from reelqueue.catalog.spec import (
    MIB,
    Durations,
    ImageLimits,
    MediaRole,
    MediaRules,
    Mode,
    ModelSpec,
    PromptRule,
    Protocol,
    Sound,
    Tier,
    UnverifiedOption,
)

_PROMPT: Final = PromptRule(characters_max=1500, required=True)
_OPTIONAL_PROMPT: Final = PromptRule(characters_max=1500, required=False)
_EXTRAS: Final = frozenset({"negative_prompt", "prompt_extend", "shot_type"})
_HD: Final[tuple[Tier, ...]] = ("720P", "1080P")
_ALL_TIERS: Final[tuple[Tier, ...]] = ("480P", "720P", "1080P")
_FIVE_OR_TEN: Final = Durations(seconds=(5, 10), default_seconds=5)
_FIVE_TO_FIFTEEN: Final = Durations(seconds=(5, 10, 15), default_seconds=5)
_TWO_TO_FIFTEEN: Final = Durations(seconds=tuple(range(2, 16)), default_seconds=5)
_TWO_TO_TEN: Final = Durations(seconds=tuple(range(2, 11)), default_seconds=5)
_FRAME_RULES: Final = MediaRules(roles=(LEGACY_FIRST_FRAME,), needs=frozenset({"first_frame"}))

# Neither role takes a data URI: the reference-to-video page lists http(s) and oss URLs only.
_REFERENCE_RULES: Final = MediaRules(
    roles=(
        MediaRole(
            name="reference_image",
            count_max=5,
            image=ImageLimits(
                side_px_min=240,
                side_px_max=8000,
                size_bytes_max=20 * MIB,
                stricter=ImageLimits(side_px_min=240, side_px_max=5000, size_bytes_max=10 * MIB),
            ),
        ),
        MediaRole(name="reference_video", count_max=3, clip=REFERENCE_VIDEO),
    ),
    needs=frozenset({"reference_image", "reference_video"}),
    references_max=5,
)

_SHOT_TYPE_ON_25: Final = UnverifiedOption(
    option="shot_type",
    values=None,
    note="shot_type is documented for wan2.6 only; wan2.5 may ignore it",
)
_ODD_SECONDS: Final = UnverifiedOption(
    option="duration",
    values=frozenset(_TWO_TO_FIFTEEN.seconds) - {5, 10, 15},
    note="earlier pages of the documentation allow 5, 10 or 15 seconds only",
)
_FIFTEEN_IN_US: Final = UnverifiedOption(
    option="duration",
    values=frozenset({15}),
    note="the documentation lists 5 and 10 seconds; 15 is seen in clients only",
)
_PROMPT_EXTEND_ON_REFERENCES: Final = UnverifiedOption(
    option="prompt_extend",
    values=None,
    note="the reference-to-video page does not list prompt_extend; the service may ignore it",
)


def _text_model(
    model_id: str, durations: Durations, *, tiers: tuple[Tier, ...] = _HD, doubts: Iterable[UnverifiedOption] = ()
) -> ModelSpec:
    return ModelSpec(
        id=model_id,
        modes=(Mode.TEXT_TO_VIDEO,),
        protocol=Protocol.LEGACY,
        sound=Sound.ALWAYS,
        tiers=tiers,
        default_tier="1080P",
        sizes=legacy_sizes(tiers),
        durations=durations,
        prompt=_PROMPT,
        audio_track=AUDIO_TRACK,
        extras=_EXTRAS,
        doubts=tuple(doubts),
        slots=5,
        submits_per_second=5,
    )


def _image_model(
    model_id: str,
    durations: Durations,
    *,
    sound: Sound = Sound.ALWAYS_STATED,
    tiers: tuple[Tier, ...] = _HD,
    doubts: Iterable[UnverifiedOption] = (),
) -> ModelSpec:
    return ModelSpec(
        id=model_id,
        modes=(Mode.IMAGE_TO_VIDEO,),
        protocol=Protocol.LEGACY,
        sound=sound,
        tiers=tiers,
        default_tier="1080P",
        durations=durations,
        prompt=_OPTIONAL_PROMPT,
        media=_FRAME_RULES,
        audio_track=AUDIO_TRACK,
        extras=_EXTRAS,
        doubts=tuple(doubts),
        slots=5,
        submits_per_second=5,
    )


def _reference_model(model_id: str, sound: Sound) -> ModelSpec:
    return ModelSpec(
        id=model_id,
        modes=(Mode.REFERENCE_TO_VIDEO,),
        protocol=Protocol.LEGACY,
        sound=sound,
        tiers=_HD,
        default_tier="1080P",
        sizes=legacy_sizes(_HD),
        durations=_TWO_TO_TEN,
        prompt=_PROMPT,
        media=_REFERENCE_RULES,
        extras=_EXTRAS,
        doubts=(_PROMPT_EXTEND_ON_REFERENCES,),
        slots=5,
        submits_per_second=5,
    )


MODELS: Final = (
    _text_model("wan2.6-t2v", _TWO_TO_FIFTEEN, doubts=[_ODD_SECONDS]),
    _text_model("wan2.6-t2v-us", _FIVE_TO_FIFTEEN, doubts=[_FIFTEEN_IN_US]),
    _text_model("wan2.5-t2v-preview", _FIVE_OR_TEN, tiers=_ALL_TIERS, doubts=[_SHOT_TYPE_ON_25]),
    _image_model("wan2.6-i2v", _TWO_TO_FIFTEEN),
    _image_model("wan2.6-i2v-flash", _TWO_TO_FIFTEEN, sound=Sound.SWITCH),
    _image_model("wan2.6-i2v-us", _FIVE_TO_FIFTEEN),
    _image_model("wan2.5-i2v-preview", _FIVE_OR_TEN, sound=Sound.ALWAYS, tiers=_ALL_TIERS, doubts=[_SHOT_TYPE_ON_25]),
    _reference_model("wan2.6-r2v", Sound.ALWAYS_STATED),
    _reference_model("wan2.6-r2v-flash", Sound.SWITCH),
)
"""Every Wan 2.5 and 2.6 model."""
