"""Data classes that describe a model: modes, options, sizes, media and their limits."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from functools import cached_property
from typing import Final, Literal

Tier = Literal["480P", "720P", "1080P"]

VIDEO_PATH: Final = "/api/v1/services/aigc/video-generation/video-synthesis"
FIRST_LAST_PATH: Final = "/api/v1/services/aigc/image2video/video-synthesis"

MIB: Final = 1024 * 1024


class Mode(StrEnum):
    """What a request starts from."""

    TEXT_TO_VIDEO = "text-to-video"
    """A prompt alone."""
    IMAGE_TO_VIDEO = "image-to-video"
    """A first frame, and where the model can, a last one or a clip to continue."""
    REFERENCE_TO_VIDEO = "reference-to-video"
    """Pictures, videos or voices of what shall appear."""
    VIDEO_EDIT = "video-edit"
    """A video to change."""


class Protocol(StrEnum):
    """Which body the service expects."""

    LEGACY = "legacy"
    """Wan 2.1 to 2.6: ``size``, ``img_url``, ``reference_urls``."""
    FIRST_LAST = "kf2v"
    """First and last frame: ``first_frame_url``, ``last_frame_url``, and a path of its own."""
    MEDIA = "media"
    """Wan 2.7 and HappyHorse: ``input.media`` items, ``resolution`` with ``ratio``."""
    WAN3 = "wan3"
    """Wan 3.0: as MEDIA, one model id for every mode."""


class Sound(StrEnum):
    """What a model does about sound, and what becomes of the option ``audio``."""

    SILENT = "silent"
    """Never has sound; ``audio`` is refused."""
    ALWAYS = "always"
    """Always has sound; ``audio=True`` is accepted and not sent."""
    ALWAYS_STATED = "always-stated"
    """Always has sound; ``audio=True`` is sent."""
    SWITCH = "switch"
    """``audio`` is sent as given."""


@dataclass(frozen=True, kw_only=True)
class Durations:
    """The lengths in seconds that a model renders."""

    seconds: tuple[int, ...]
    """Every length that may be asked for, ascending; empty where the length cannot be asked for."""
    default_seconds: int | None
    """What the service takes when nothing is said; None follows the input."""
    special: Mapping[int, str] = field(default_factory=dict)
    """Numbers that are not lengths, with their meaning."""

    def allows(self, seconds: int) -> bool:
        """Whether the model takes this number."""
        return seconds in self.seconds or seconds in self.special

    def __str__(self) -> str:
        first, last = self.seconds[0], self.seconds[-1]
        if len(self.seconds) > 2 and len(self.seconds) == last - first + 1:
            lengths = f"{first} to {last}"
        else:
            lengths = " or ".join(map(str, self.seconds))
        specials = "".join(f", or {number} ({meaning})" for number, meaning in self.special.items())
        return f"{lengths} seconds{specials}"


@dataclass(frozen=True, kw_only=True)
class PromptRule:
    """How long a prompt may be; the service cuts what is longer without a word, and bills it."""

    characters_max: int
    required: bool
    unless_media: bool = False
    """Whether a required prompt may be left out when media are given."""
    chinese_weight: int = 1
    """How many characters one Chinese character counts for."""


@dataclass(frozen=True, kw_only=True)
class ImageLimits:
    """Which pictures a model reads: JPEG, PNG without alpha, BMP or WEBP."""

    side_px_min: int
    side_px_max: int | None
    size_bytes_max: int
    aspect_max: float | None = None
    """Longer side divided by shorter side."""
    stricter: ImageLimits | None = None
    """What another page of the documentation says; crossing it is a warning."""


@dataclass(frozen=True, kw_only=True)
class ClipLimits:
    """Which videos or sounds a model reads; known from the documentation, not looked into here."""

    seconds_min: float
    seconds_max: float
    size_bytes_max: int
    total_seconds_max: float | None = None
    """Over all items of this role."""
    side_px_min: int | None = None
    side_px_max: int | None = None


@dataclass(frozen=True, kw_only=True)
class MediaRole:
    """One part that a picture, video, sound or document can play in a request."""

    name: str
    """The service's word: ``first_frame``, ``reference_image``, ..."""
    count_max: int = 1
    count_doubted_above: int | None = None
    """Where pages of the documentation disagree: the lower limit; crossing it is a warning."""
    image: ImageLimits | None = None
    clip: ClipLimits | None = None
    takes_data_uri: bool = False
    """Whether the bytes may stand in the request itself."""
    takes_voice: bool = False
    """Whether an item may carry ``reference_voice``."""


@dataclass(frozen=True, kw_only=True)
class MediaRules:
    """Which roles a model knows, and which of them go together."""

    roles: tuple[MediaRole, ...]
    needs: frozenset[str] = frozenset()
    """At least one item must play one of these."""
    combinations: tuple[frozenset[str], ...] = ()
    """The sets of roles that may appear; empty allows every set."""
    exclusive: tuple[tuple[frozenset[str], frozenset[str]], ...] = ()
    """Pairs of groups that exclude each other."""
    references_max: int | None = None
    """Reference images and videos together."""
    seconds_max_with_video: int | None = None
    """Longest video once a reference is a video itself."""
    needs_prompt_extend: frozenset[str] = frozenset()
    """Roles that mean nothing unless the service rewrites the prompt."""

    @cached_property
    def by_name(self) -> Mapping[str, MediaRole]:
        """The roles by their word."""
        return {role.name: role for role in self.roles}


@dataclass(frozen=True, kw_only=True)
class UnverifiedOption:
    """A point on which the documentation disagrees with itself: sent as asked, with a warning."""

    option: str
    values: frozenset[object] | None
    """The values in doubt; None doubts the option itself."""
    note: str


@dataclass(frozen=True, kw_only=True)
class ModelSpec:
    """What one model takes, as published by Alibaba Cloud Model Studio."""

    id: str
    modes: tuple[Mode, ...]
    protocol: Protocol
    sound: Sound
    tiers: tuple[Tier, ...]
    default_tier: Tier
    """What the service renders when nothing is said: mostly its dearest."""
    durations: Durations
    prompt: PromptRule
    sizes: Mapping[str, tuple[Tier, str]] = field(default_factory=dict)
    """Pixel sizes (``1280x720``) with their tier and ratio, where ``parameters.size`` is sent."""
    ratios: tuple[str, ...] = ()
    default_ratio: str | None = None
    media: MediaRules | None = None
    audio_track: ClipLimits | None = None
    """The sound that ``input.audio_url`` may point to; None where there is no such input."""
    extras: frozenset[str] = frozenset()
    """Options beyond those that follow from the other fields."""
    doubts: tuple[UnverifiedOption, ...] = ()
    watermark_default: bool = False
    slots: int | None = None
    """Tasks that run at a time, per main account; None where nothing is published."""
    submits_per_second: int | None = None
    path: str = VIDEO_PATH
    is_known: bool = True
    """False for a model id that is in no table: nothing about it is checked."""

    @cached_property
    def options(self) -> frozenset[str]:
        """Every option of a request that reaches the service with this model."""
        names = {"prompt", "resolution", "seed", "watermark"} | self.extras
        if self.durations.seconds:
            names.add("duration")
        if self.ratios:
            names.add("ratio")
        if self.sound is not Sound.SILENT:
            names.add("audio")
        if self.audio_track is not None:
            names.add("audio_url")
        return frozenset(names | self._media_options)

    @property
    def _media_options(self) -> set[str]:
        if self.media is None:
            return set()
        roles = self.media.by_name
        names = {option for role, option in OPTION_BY_ROLE.items() if role in roles}
        if self.modes == (Mode.VIDEO_EDIT,):
            names.clear()  # its roles cannot be told apart by an option's name
        if self.protocol in {Protocol.MEDIA, Protocol.WAN3}:
            names.add("media")
        return names


OPTION_BY_ROLE: Final[Mapping[str, str]] = {
    "first_frame": "image",
    "last_frame": "last_frame",
    "driving_audio": "audio_url",
    "reference_image": "reference_urls",
    "reference_video": "reference_urls",
}
"""The option that fills a role without spelling out ``media``."""
