"""One item of ``input.media``, checked when it is constructed."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any, Required, TypeAlias, TypedDict, Unpack

from pydantic import BeforeValidator, Field, ValidationError
from pydantic_core import PydanticCustomError

from reelqueue.errors import InvalidRequestError
from reelqueue.requests.base import StrictModel
from reelqueue.requests.error_messages import item_refusal
from reelqueue.requests.fields import MEDIA_COUNT_MAX, MediaUrl, Word

MediaSource: TypeAlias = str | bytes | Path
"""A URL (http, https, oss or data), the bytes of a picture, or the path of one on this machine."""


class MediaItemOptions(TypedDict, total=False):
    """Keyword arguments of `MediaItem`."""

    type: Required[str]
    url: Required[MediaSource]
    reference_voice: MediaSource | None


class MediaItem(StrictModel):
    """One item of ``input.media``, sent as it stands."""

    type: Word = Field(min_length=1)
    """The role it plays: `first_frame`, `reference_image`, `video`, ..."""
    url: MediaUrl
    """Where it is: an http, https or oss URL, or a data URI."""
    reference_voice: MediaUrl | None = None
    """The voice of what a reference shows; outranks the video's own sound."""

    def __init__(self, **options: Unpack[MediaItemOptions]) -> None:
        data: dict[str, Any] = {**options}
        try:
            super().__init__(**data)
        except ValidationError as error:
            raise item_refusal(error) from error


def _read_items(value: object) -> object:
    """Items from objects; done by hand, because an error shall say which item it means."""
    if not isinstance(value, (list, tuple)):
        return value
    items = []
    for number, item in enumerate(value):
        try:
            items.append(MediaItem(**item) if isinstance(item, Mapping) else item)
        except InvalidRequestError as error:
            raise PydanticCustomError(
                "bad_item", "item {number}: {why}", {"number": number, "why": str(error)}
            ) from error
    return tuple(items)


Media = Annotated[tuple[MediaItem, ...], BeforeValidator(_read_items), Field(max_length=MEDIA_COUNT_MAX)]
