"""Wan 3.0: one model id for every mode, told apart by the media that come with the prompt.

Source: Alibaba Cloud Model Studio, Wan 3.0 video generation reference and guide, read 2026-11. No rate
limit was published for it.
"""

from __future__ import annotations

from typing import Final

from reelqueue.catalog.limits import CURRENT_FIRST_FRAME, CURRENT_IMAGE, CURRENT_LAST_FRAME
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
)

_FRAMES: Final = frozenset({"first_frame", "last_frame"})
_REFERENCES: Final = frozenset({"reference_image", "reference_video", "reference_audio", "file", "link"})

_MEDIA: Final = MediaRules(
    roles=(
        CURRENT_FIRST_FRAME,
        CURRENT_LAST_FRAME,
        MediaRole(name="reference_image", count_max=10, image=CURRENT_IMAGE, takes_data_uri=True),
        MediaRole(
            name="reference_video",
            count_max=5,
            clip=ClipLimits(
                seconds_min=1,
                seconds_max=15,
                total_seconds_max=15,
                size_bytes_max=100 * MIB,
                side_px_min=240,
                side_px_max=4096,
            ),
        ),
        MediaRole(
            name="reference_audio",
            count_max=5,
            clip=ClipLimits(seconds_min=1, seconds_max=15, total_seconds_max=15, size_bytes_max=15 * MIB),
        ),
        MediaRole(name="file"),
        MediaRole(name="link"),
    ),
    exclusive=((_FRAMES, _REFERENCES), (frozenset({"file"}), frozenset({"link"}))),
    needs_prompt_extend=frozenset({"file", "link"}),
)


def _model(model_id: str) -> ModelSpec:
    return ModelSpec(
        id=model_id,
        modes=(Mode.TEXT_TO_VIDEO, Mode.IMAGE_TO_VIDEO, Mode.REFERENCE_TO_VIDEO),
        protocol=Protocol.WAN3,
        sound=Sound.SWITCH,
        tiers=("480P", "720P", "1080P"),
        default_tier="1080P",
        ratios=("adaptive", "21:9", "16:9", "4:3", "1:1", "3:4", "9:16"),
        default_ratio="adaptive",
        durations=Durations(seconds=tuple(range(2, 31)), default_seconds=5, special={-1: "the model decides"}),
        prompt=PromptRule(characters_max=20_000, required=True, unless_media=True),
        media=_MEDIA,
        extras=frozenset({"prompt_extend"}),
    )


MODELS: Final = (_model("wan3.0-video"), _model("wan3.0-video-prime"))
"""Every Wan 3.0 model; prime does the same faster and dearer."""
