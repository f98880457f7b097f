"""Wan 2.7: ``input.media`` items, tier with ratio, sound always on.

Source: Alibaba Cloud Model Studio, Wan 2.7 text-to-video, image-to-video, reference-to-video and video
editing references; rate limits page. Read 2026-11.
"""

from __future__ import annotations

from dataclasses import replace
from typing import Final

from reelqueue.catalog.limits import (
    CURRENT_FIRST_FRAME,
    CURRENT_IMAGE,
    CURRENT_LAST_FRAME,
    REFERENCE_VIDEO,
    WAN27_AUDIO_TRACK,
)
from reelqueue.catalog.spec import (
    MIB,
    ClipLimits,
    Durations,
    MediaRole,
    MediaRules,
    Mode,
    ModelSpec,
    PromptRule,
    Protocol,
    Sound,
    Tier,
)

_PROMPT: Final = PromptRule(characters_max=5000, required=True)
_OPTIONAL_PROMPT: Final = PromptRule(characters_max=5000, required=False)
_TIERS: Final[tuple[Tier, ...]] = ("720P", "1080P")
_RATIOS: Final = ("16:9", "9:16", "1:1", "4:3", "3:4")
_DURATIONS: Final = Durations(seconds=tuple(range(2, 16)), default_seconds=5)
_EXTRAS: Final = frozenset({"negative_prompt", "prompt_extend"})
_CLIP: Final = ClipLimits(seconds_min=2, seconds_max=10, size_bytes_max=100 * MIB, side_px_min=240, side_px_max=4096)

_FRAME_RULES: Final = MediaRules(
    roles=(
        CURRENT_FIRST_FRAME,
        CURRENT_LAST_FRAME,
        MediaRole(name="driving_audio", clip=WAN27_AUDIO_TRACK),
        MediaRole(name="first_clip", clip=_CLIP),
    ),
    combinations=(
        frozenset({"first_frame"}),
        frozenset({"first_frame", "driving_audio"}),
        frozenset({"first_frame", "last_frame"}),
        frozenset({"first_frame", "last_frame", "driving_audio"}),
        frozenset({"first_clip"}),
        frozenset({"first_clip", "last_frame"}),
    ),
)

_REFERENCE_RULES: Final = MediaRules(
    roles=(
        MediaRole(name="reference_image", count_max=5, image=CURRENT_IMAGE, takes_data_uri=True, takes_voice=True),
        MediaRole(name="reference_video", count_max=5, clip=REFERENCE_VIDEO, takes_voice=True),
        # A published example gives a voice to the first frame, though the text speaks of references only.
        replace(CURRENT_FIRST_FRAME, takes_voice=True),
    ),
    # Seen on the wire: "Only first frame provided is not allowed".
    needs=frozenset({"reference_image", "reference_video"}),
    references_max=5,
    seconds_max_with_video=10,
)

_EDIT_RULES: Final = MediaRules(
    roles=(
        MediaRole(name="video", clip=_CLIP),
        MediaRole(name="reference_image", count_max=4, count_doubted_above=3, image=CURRENT_IMAGE, takes_data_uri=True),
    ),
    needs=frozenset({"video"}),
)


def _text_model(model_id: str) -> ModelSpec:
    return ModelSpec(
        id=model_id,
        modes=(Mode.TEXT_TO_VIDEO,),
        protocol=Protocol.MEDIA,
        sound=Sound.ALWAYS,
        tiers=_TIERS,
        default_tier="1080P",
        ratios=_RATIOS,
        default_ratio="16:9",
        durations=_DURATIONS,
        prompt=_PROMPT,
        audio_track=WAN27_AUDIO_TRACK,
        extras=_EXTRAS,
        slots=5,
        submits_per_second=5,
    )


def _image_model(model_id: str) -> ModelSpec:
    return ModelSpec(
        id=model_id,
        modes=(Mode.IMAGE_TO_VIDEO,),
        protocol=Protocol.MEDIA,
        sound=Sound.ALWAYS,
        tiers=_TIERS,
        default_tier="1080P",
        durations=_DURATIONS,
        prompt=_OPTIONAL_PROMPT,
        media=_FRAME_RULES,
        extras=_EXTRAS,
        slots=5,
        submits_per_second=5,
    )


def _reference_model(model_id: str) -> ModelSpec:
    return ModelSpec(
        id=model_id,
        modes=(Mode.REFERENCE_TO_VIDEO,),
        protocol=Protocol.MEDIA,
        sound=Sound.ALWAYS,
        tiers=_TIERS,
        default_tier="1080P",
        ratios=_RATIOS,
        default_ratio="16:9",
        durations=_DURATIONS,
        prompt=_PROMPT,
        media=_REFERENCE_RULES,
        extras=_EXTRAS,
        slots=5,
        submits_per_second=5,
    )


_VIDEO_EDIT: Final = ModelSpec(
    id="wan2.7-videoedit",
    modes=(Mode.VIDEO_EDIT,),
    protocol=Protocol.MEDIA,
    sound=Sound.ALWAYS,
    tiers=_TIERS,
    default_tier="1080P",
    ratios=_RATIOS,
    durations=Durations(
        seconds=tuple(range(2, 11)), default_seconds=None, special={0: "keeps the length of the input"}
    ),
    prompt=_OPTIONAL_PROMPT,
    media=_EDIT_RULES,
    extras=_EXTRAS,
    slots=5,
    submits_per_second=5,
)

MODELS: Final = (
    _text_model("wan2.7-t2v"),
    _text_model("wan2.7-t2v-2026-04-25"),
    _text_model("wan2.7-t2v-2026-06-12"),
    _image_model("wan2.7-i2v"),
    _image_model("wan2.7-i2v-2026-04-25"),
    _reference_model("wan2.7-r2v"),
    _reference_model("wan2.7-r2v-2026-06-12"),
    _VIDEO_EDIT,
)
"""Every Wan 2.7 model."""
