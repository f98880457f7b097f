"""Wan 2.2: silent, five seconds.

Source: Alibaba Cloud Model Studio, legacy Wan text-to-video, image-to-video and first-and-last-frame
references; rate limits page. Read 2026-11.
"""

from __future__ import annotations

from typing import Final

from reelqueue.catalog.sizes import legacy_sizes
from reelqueue.catalog.spec import FIRST_LAST_PATH, Mode, ModelSpec, Protocol, Sound, Tier
from reelqueue.catalog.wan21 import (
    EARLY_EXTRAS,
    EARLY_FRAME_RULES,
    EARLY_OPTIONAL_PROMPT,
    EARLY_PROMPT,
    FIRST_LAST_RULES,
    FIVE_SECONDS,
)


def _image_model(model_id: str, default_tier: Tier, *tiers: Tier) -> ModelSpec:
    return ModelSpec(
        id=model_id,
        modes=(Mode.IMAGE_TO_VIDEO,),
        protocol=Protocol.LEGACY,
        sound=Sound.SILENT,
        tiers=tiers,
        default_tier=default_tier,
        durations=FIVE_SECONDS,
        prompt=EARLY_OPTIONAL_PROMPT,
        media=EARLY_FRAME_RULES,
        extras=EARLY_EXTRAS,
        slots=2,
        submits_per_second=2,
    )


MODELS: Final = (
    ModelSpec(
        id="wan2.2-t2v-plus",
        modes=(Mode.TEXT_TO_VIDEO,),
        protocol=Protocol.LEGACY,
        sound=Sound.SILENT,
        tiers=("480P", "1080P"),
        default_tier="1080P",
        sizes=legacy_sizes(("480P", "1080P")),
        durations=FIVE_SECONDS,
        prompt=EARLY_PROMPT,
        extras=EARLY_EXTRAS,
        slots=2,
        submits_per_second=2,
    ),
    _image_model("wan2.2-i2v-flash", "720P", "480P", "720P", "1080P"),
    _image_model("wan2.2-i2v-plus", "1080P", "480P", "1080P"),
    ModelSpec(
        id="wan2.2-kf2v-flash",
        modes=(Mode.IMAGE_TO_VIDEO,),
        protocol=Protocol.FIRST_LAST,
        path=FIRST_LAST_PATH,
        sound=Sound.SILENT,
        tiers=("480P", "720P", "1080P"),
        default_tier="720P",
        durations=FIVE_SECONDS,
        prompt=EARLY_OPTIONAL_PROMPT,
        media=FIRST_LAST_RULES,
        extras=EARLY_EXTRAS,
        slots=2,
        submits_per_second=2,
    ),
)
"""Every Wan 2.2 model."""
