"""List the media of a request, each with its role for the provider."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

from reelqueue.catalog import Mode, ModelSpec
from reelqueue.requests.base import RenderRequest

VIDEO_URL: Final = r"\.(mp4|mov)([?#]|$)"
PICTURE_URL: Final = r"^data:image/|\.(jpe?g|png|bmp|webp)([?#]|$)"
"""Whatever the case of their letters; Postgres reads both as Python does."""
_VIDEO: Final = re.compile(VIDEO_URL, re.IGNORECASE)
_PICTURE: Final = re.compile(PICTURE_URL, re.IGNORECASE)
_SOUND: Final = re.compile(r"\.(mp3|wav)([?#]|$)", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class Medium:
    """One medium in its role."""

    role: str
    url: str
    option: str
    """The option that it came from."""
    voice: str | None = None


def placed_media(request: RenderRequest, spec: ModelSpec) -> tuple[Medium, ...]:
    """The media of *request* in the order in which the service gets them.

    References come before frames, as the first of them is ``character1`` or ``Image 1``.
    """
    return tuple(_place(request, spec))


def is_video(url: str) -> bool:
    """Whether a URL's ending says that it leads to a video."""
    return _VIDEO.search(url) is not None


def is_picture(url: str) -> bool:
    """Whether a URL's ending or type says that it leads to a picture."""
    return _PICTURE.search(url) is not None


def _place(request: RenderRequest, spec: ModelSpec) -> Iterator[Medium]:
    roles = spec.media.by_name if spec.media else {}
    drives = request.mode is Mode.IMAGE_TO_VIDEO and "driving_audio" in roles
    for item in request.given("media") or ():
        yield Medium(item.type, item.url, "media", item.reference_voice)
    for url in request.given("reference_urls") or ():
        yield Medium(_reference_role(url, takes_sound="reference_audio" in roles), url, "reference_urls")
    for option, role in (("image", "first_frame"), ("last_frame", "last_frame")):
        if (url := request.given(option)) is not None:
            yield Medium(role, url, option)
    if drives and (url := request.given("audio_url")) is not None:
        yield Medium("driving_audio", url, "audio_url")


def _reference_role(url: str, *, takes_sound: bool) -> str:
    if is_video(url):
        return "reference_video"
    return "reference_audio" if takes_sound and _SOUND.search(url) else "reference_image"
