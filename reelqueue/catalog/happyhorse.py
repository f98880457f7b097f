"""HappyHorse: Alibaba's second family; its watermark is on unless switched off.

Source: Alibaba Cloud Model Studio, HappyHorse references; rate limits page. Read 2026-11.
"""

from __future__ import annotations

from typing import Final

from reelqueue.catalog.spec import (
    MIB,
    ClipLimits,
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

_PROMPT: Final = PromptRule(characters_max=5000, chinese_weight=2, required=True)
_OPTIONAL_PROMPT: Final = PromptRule(characters_max=5000, chinese_weight=2, required=False)
_DURATIONS: Final = Durations(seconds=tuple(range(3, 16)), default_seconds=5)
_AS_INPUT: Final = Durations(seconds=(), default_seconds=None)
_FIVE_RATIOS: Final = ("16:9", "9:16", "1:1", "4:3", "3:4")
_NINE_RATIOS: Final = (*_FIVE_RATIOS, "4:5", "5:4", "9:21", "21:9")

_FRAME: Final = ImageLimits(
    side_px_min=300,
    side_px_max=None,
    aspect_max=2.5,
    size_bytes_max=20 * MIB,
    stricter=ImageLimits(side_px_min=300, side_px_max=None, aspect_max=2.5, size_bytes_max=10 * MIB),
)
_REFERENCE: Final = ImageLimits(side_px_min=400, side_px_max=None, size_bytes_max=20 * MIB)
_EDIT_REFERENCE: Final = ImageLimits(side_px_min=300, side_px_max=None, size_bytes_max=20 * MIB)

_FRAME_RULES: Final = MediaRules(
    roles=(MediaRole(name="first_frame", image=_FRAME, takes_data_uri=True),), needs=frozenset({"first_frame"})
)
_REFERENCE_RULES: Final = MediaRules(
    roles=(MediaRole(name="reference_image", count_max=9, image=_REFERENCE, takes_data_uri=True),),
    needs=frozenset({"reference_image"}),
)
_EDIT_RULES: Final = MediaRules(
    roles=(
        MediaRole(
            name="video",
            clip=ClipLimits(seconds_min=3, seconds_max=60, size_bytes_max=100 * MIB, side_px_min=360, side_px_max=4096),
        ),
        MediaRole(name="reference_image", count_max=5, image=_EDIT_REFERENCE, takes_data_uri=True),
    ),
    needs=frozenset({"video"}),
)
_SMALL_ON_11: Final = UnverifiedOption(
    option="resolution", values=frozenset({"480P"}), note="only the Chinese pages list 480P for happyhorse-1.1"
)


def _model(
    model_id: str,
    mode: Mode,
    *,
    prompt: PromptRule = _PROMPT,
    durations: Durations = _DURATIONS,
    ratios: tuple[str, ...] = (),
    media: MediaRules | None = None,
) -> ModelSpec:
    has_small_tier = model_id.startswith("happyhorse-1.1")
    tiers: tuple[Tier, ...] = ("480P", "720P", "1080P") if has_small_tier else ("720P", "1080P")
    return ModelSpec(
        id=model_id,
        modes=(mode,),
        protocol=Protocol.MEDIA,
        sound=Sound.ALWAYS,
        tiers=tiers,
        default_tier="1080P",
        ratios=ratios,
        default_ratio="16:9" if ratios else None,
        durations=durations,
        prompt=prompt,
        media=media,
        doubts=(_SMALL_ON_11,) if has_small_tier else (),
        watermark_default=True,
        slots=5,
        submits_per_second=10,
    )


MODELS: Final = (
    _model("happyhorse-1.0-t2v", Mode.TEXT_TO_VIDEO, ratios=_NINE_RATIOS),
    _model("happyhorse-1.1-t2v", Mode.TEXT_TO_VIDEO, ratios=_NINE_RATIOS),
    _model("happyhorse-1.0-i2v", Mode.IMAGE_TO_VIDEO, prompt=_OPTIONAL_PROMPT, media=_FRAME_RULES),
    _model("happyhorse-1.1-i2v", Mode.IMAGE_TO_VIDEO, prompt=_OPTIONAL_PROMPT, media=_FRAME_RULES),
    _model("happyhorse-1.0-r2v", Mode.REFERENCE_TO_VIDEO, ratios=_FIVE_RATIOS, media=_REFERENCE_RULES),
    _model("happyhorse-1.1-r2v", Mode.REFERENCE_TO_VIDEO, ratios=_NINE_RATIOS, media=_REFERENCE_RULES),
    _model(
        "happyhorse-1.0-video-edit",
        Mode.VIDEO_EDIT,
        durations=_AS_INPUT,
        media=_EDIT_RULES,
    ),
)
"""Every HappyHorse model."""
