"""Assumed limits of a model id that the catalog does not have."""

from __future__ import annotations

from functools import lru_cache
from typing import Final

from reelqueue.catalog.spec import (
    FIRST_LAST_PATH,
    MIB,
    VIDEO_PATH,
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

_UNBOUNDED: Final = 1_000_000
_ROLES: Final = (
    "first_frame",
    "last_frame",
    "driving_audio",
    "first_clip",
    "video",
    "reference_image",
    "reference_video",
    "reference_audio",
    "file",
    "link",
)
_ROLES_BY_PROTOCOL: Final = {
    Protocol.LEGACY: ("first_frame", "reference_image", "reference_video"),
    Protocol.FIRST_LAST: ("first_frame", "last_frame"),
    Protocol.MEDIA: _ROLES,
    Protocol.WAN3: _ROLES,
}
_EXTRAS: Final = frozenset({"negative_prompt", "prompt_extend", "shot_type", "ratio", "duration"})


def mode_by_id(model_id: str) -> Mode:
    """The mode that a model id's spelling stands for; text-to-video where it says nothing."""
    if "-i2v" in model_id or "kf2v" in model_id:
        return Mode.IMAGE_TO_VIDEO
    if "-r2v" in model_id:
        return Mode.REFERENCE_TO_VIDEO
    if "videoedit" in model_id or "video-edit" in model_id:
        return Mode.VIDEO_EDIT
    return Mode.TEXT_TO_VIDEO


def protocol_by_id(model_id: str) -> Protocol:
    """The protocol that a model id's spelling stands for; legacy where it says nothing."""
    if model_id.startswith("wan3"):
        return Protocol.WAN3
    if model_id.startswith(("wan2.7", "happyhorse")):
        return Protocol.MEDIA
    return Protocol.FIRST_LAST if "kf2v" in model_id else Protocol.LEGACY


@lru_cache(maxsize=256)
def assume(model_id: str) -> ModelSpec:
    """A specification that lets every option through which the id's protocol can carry."""
    protocol = protocol_by_id(model_id)
    return ModelSpec(
        id=model_id,
        modes=tuple(Mode),
        protocol=protocol,
        path=FIRST_LAST_PATH if protocol is Protocol.FIRST_LAST else VIDEO_PATH,
        sound=Sound.SWITCH,
        tiers=("480P", "720P", "1080P"),
        default_tier="1080P",
        durations=Durations(seconds=(), default_seconds=None),
        prompt=PromptRule(characters_max=_UNBOUNDED, required=False),
        media=MediaRules(
            roles=tuple(
                MediaRole(name=name, count_max=_UNBOUNDED, takes_data_uri=True, takes_voice=True)
                for name in _ROLES_BY_PROTOCOL[protocol]
            )
        ),
        audio_track=ClipLimits(seconds_min=0, seconds_max=_UNBOUNDED, size_bytes_max=_UNBOUNDED * MIB),
        extras=_EXTRAS,
        is_known=False,
    )
