"""Types of the keyword arguments that the request types and `Client.submit` accept.

They accept more than they store: a picture given as a path or as bytes becomes a data URI, a list a tuple.
What is stored, and what each option means, is in `reelqueue.requests.types`; a test keeps the names of both equal.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Literal, Required, TypeAlias, TypedDict

from reelqueue.catalog.spec import Mode
from reelqueue.requests.fields import OnTimeout, ShotType
from reelqueue.requests.media_item import MediaItem, MediaItemOptions, MediaSource

ModeName: TypeAlias = Mode | Literal["text-to-video", "image-to-video", "reference-to-video", "video-edit"]
"""What the video is made from."""


class _JobOptions(TypedDict, total=False):
    """What every model takes, or refuses, whatever the video is made from."""

    prompt: str | None
    negative_prompt: str | None
    resolution: str | None
    duration: int | None
    seed: int | None
    prompt_extend: bool | None
    watermark: bool | None
    audio: bool | None
    custom_id: str | None
    priority: int
    metadata: Mapping[str, object] | None
    on_timeout: OnTimeout
    start_by: datetime | str | None
    poll_interval_ms: int
    poll_timeout_ms: int
    raw: Mapping[str, object] | None
    headers: Mapping[str, str] | None
    ratio: str | None


class TextToVideoOptions(_JobOptions, total=False):
    """Keyword arguments of `TextToVideo`."""

    model: Required[str]
    audio_url: MediaSource | None
    shot_type: ShotType | None


class ImageToVideoOptions(_JobOptions, total=False):
    """Keyword arguments of `ImageToVideo`."""

    model: Required[str]
    image: MediaSource | None
    last_frame: MediaSource | None
    media: Sequence[MediaItem | MediaItemOptions] | None
    audio_url: MediaSource | None
    shot_type: ShotType | None


class ReferenceToVideoOptions(_JobOptions, total=False):
    """Keyword arguments of `ReferenceToVideo`."""

    model: Required[str]
    reference_urls: Sequence[MediaSource] | None
    image: MediaSource | None
    media: Sequence[MediaItem | MediaItemOptions] | None
    shot_type: ShotType | None


class VideoEditOptions(_JobOptions, total=False):
    """Keyword arguments of `VideoEdit`."""

    model: Required[str]
    media: Sequence[MediaItem | MediaItemOptions] | None


class RequestOptions(_JobOptions, total=False):
    """Keyword arguments of `Client.submit` and `Client.preview`: those of every kind of request."""

    model: str
    mode: ModeName | None
    image: MediaSource | None
    last_frame: MediaSource | None
    reference_urls: Sequence[MediaSource] | None
    media: Sequence[MediaItem | MediaItemOptions] | None
    audio_url: MediaSource | None
    shot_type: ShotType | None
