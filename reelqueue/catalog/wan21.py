"""Wan 2.1: silent, five seconds, small prompts.

Source: Alibaba Cloud Model Studio, legacy Wan text-to-video, image-to-video and first-and-last-frame
references; rate limits page. Read 2026-11.
"""

from __future__ import annotations

from typing import Final

from reelqueue.catalog.limits import EARLY_FIRST_FRAME, EARLY_LAST_FRAME
from reelqueue.catalog.sizes import legacy_sizes
from reelqueue.catalog.spec import (
    FIRST_LAST_PATH,
    Durations,
    MediaRules,
    Mode,
    ModelSpec,
    PromptRule,
    Protocol,
    Sound,
    Tier,
)

EARLY_PROMPT: Final = PromptRule(characters_max=800, required=True)
EARLY_OPTIONAL_PROMPT: Final = PromptRule(characters_max=800, required=False)
EARLY_EXTRAS: Final = frozenset({"negative_prompt", "prompt_extend"})
FIVE_SECONDS: Final = Durations(seconds=(5,), default_seconds=5)
EARLY_FRAME_RULES: Final = MediaRules(roles=(EARLY_FIRST_FRAME,), needs=frozenset({"first_frame"}))

FIRST_LAST_RULES: Final = MediaRules(
    roles=(EARLY_FIRST_FRAME, EARLY_LAST_FRAME),
    # An effect template could stand in for the last frame, but we offer no templates.
    combinations=(frozenset({"first_frame", "last_frame"}),),
)


def _text_model(model_id: str, *tiers: Tier) -> ModelSpec:
    return ModelSpec(
        id=model_id,
        modes=(Mode.TEXT_TO_VIDEO,),
        protocol=Protocol.LEGACY,
        sound=Sound.SILENT,
        tiers=tiers,
        default_tier="720P",
        sizes=legacy_sizes(tiers),
        durations=FIVE_SECONDS,
        prompt=EARLY_PROMPT,
        extras=EARLY_EXTRAS,
        slots=2,
        submits_per_second=2,
    )


def _image_model(model_id: str, durations: Durations, *tiers: Tier) -> ModelSpec:
    return ModelSpec(
        id=model_id,
        modes=(Mode.IMAGE_TO_VIDEO,),
        protocol=Protocol.LEGACY,
        sound=Sound.SILENT,
        tiers=tiers,
        default_tier="720P",
        durations=durations,
        prompt=EARLY_OPTIONAL_PROMPT,
        media=EARLY_FRAME_RULES,
        extras=EARLY_EXTRAS,
        slots=2,
        submits_per_second=2,
    )


MODELS: Final = (
    _text_model("wan2.1-t2v-turbo", "480P", "720P"),
    _text_model("wanx2.1-t2v-turbo", "480P", "720P"),  # Beijing's spelling
    _text_model("wan2.1-t2v-plus", "720P"),
    _text_model("wanx2.1-t2v-plus", "720P"),
    _image_model("wan2.1-i2v-turbo", Durations(seconds=(3, 4, 5), default_seconds=5), "480P", "720P"),
    _image_model("wan2.1-i2v-plus", FIVE_SECONDS, "720P"),
    ModelSpec(
        id="wan2.1-kf2v-plus",
        modes=(Mode.IMAGE_TO_VIDEO,),
        protocol=Protocol.FIRST_LAST,
        path=FIRST_LAST_PATH,
        sound=Sound.SILENT,
        tiers=("720P",),
        default_tier="720P",
        durations=FIVE_SECONDS,
        prompt=EARLY_OPTIONAL_PROMPT,
        media=FIRST_LAST_RULES,
        extras=EARLY_EXTRAS,
        slots=2,
        submits_per_second=1,  # Singapore; nothing else is published
    ),
)
"""Every Wan 2.1 model."""
