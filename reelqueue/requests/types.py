"""Requests for one video each: the same flat object in Python, in JSON and in the database.

A request that exists can be rendered: constructing one checks every option against the model's published
capabilities and raises `InvalidRequestError` before anything is stored or sent.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Any, Self, Unpack

from pydantic import Field, ValidationError, model_validator

from reelqueue.catalog import Mode
from reelqueue.requests.base import RenderRequest
from reelqueue.requests.error_messages import refusal
from reelqueue.requests.fields import MEDIA_COUNT_MAX, MediaUrl, ShotType, Word
from reelqueue.requests.media_item import Media
from reelqueue.requests.options import (
    ImageToVideoOptions,
    ReferenceToVideoOptions,
    TextToVideoOptions,
    VideoEditOptions,
)
from reelqueue.requests.rules.capabilities import check


class _CheckedRequest(RenderRequest):
    """A request that is checked against its model when it is constructed."""

    def __init__(self, /, **data: Any) -> None:
        try:
            super().__init__(**data)
        except ValidationError as error:
            raise refusal(type(self), data, error) from error

    @model_validator(mode="after")
    def _check_capabilities(self) -> Self:
        self._warnings = check(self)
        return self


class TextToVideo(_CheckedRequest):
    """A video from a prompt alone."""

    mode = Mode.TEXT_TO_VIDEO

    audio_url: MediaUrl | None = None
    """Sound that drives the video."""
    shot_type: ShotType | None = None
    """One take or several; works only while the prompt is extended."""
    ratio: Word | None = None
    """Aspect ratio such as `16:9`, where the model takes a tier and not a size."""

    def __init__(self, **options: Unpack[TextToVideoOptions]) -> None:
        super().__init__(**options)


class ImageToVideo(_CheckedRequest):
    """A video that starts from a picture, or goes on from a clip."""

    mode = Mode.IMAGE_TO_VIDEO

    image: MediaUrl | None = None
    """The first frame."""
    last_frame: MediaUrl | None = None
    """The last frame, where the model takes one."""
    media: Media | None = None
    """Every medium with its role, in place of the options that name one each."""
    audio_url: MediaUrl | None = None
    """Sound that drives the video."""
    shot_type: ShotType | None = None
    """One take or several; works only while the prompt is extended."""
    ratio: Word | None = None
    """Aspect ratio, where the model does not follow the picture."""

    def __init__(self, **options: Unpack[ImageToVideoOptions]) -> None:
        super().__init__(**options)


class ReferenceToVideo(_CheckedRequest):
    """A video in which given people or things appear."""

    mode = Mode.REFERENCE_TO_VIDEO

    reference_urls: Annotated[tuple[MediaUrl, ...], Field(max_length=MEDIA_COUNT_MAX)] | None = None
    """Pictures and videos of what shall appear, in the order in which the prompt names them."""
    image: MediaUrl | None = None
    """The first frame, beside the references."""
    media: Media | None = None
    """Every medium with its role, in place of the options that name one each."""
    shot_type: ShotType | None = None
    """One take or several; works only while the prompt is extended."""
    ratio: Word | None = None
    """Aspect ratio such as `16:9`, where the model takes a tier and not a size."""

    def __init__(self, **options: Unpack[ReferenceToVideoOptions]) -> None:
        super().__init__(**options)


class VideoEdit(_CheckedRequest):
    """A video made from another by the prompt's orders."""

    mode = Mode.VIDEO_EDIT

    media: Media | None = None
    """The `video` to change, and `reference_image` items."""
    ratio: Word | None = None
    """Aspect ratio; that of the input unless given."""

    def __init__(self, **options: Unpack[VideoEditOptions]) -> None:
        super().__init__(**options)


REQUEST_TYPES: Mapping[Mode, type[_CheckedRequest]] = {
    kind.mode: kind for kind in (TextToVideo, ImageToVideo, ReferenceToVideo, VideoEdit)
}
"""The type of each mode."""
