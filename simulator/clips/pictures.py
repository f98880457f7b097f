"""Loads what a request shows; never from another machine."""

from __future__ import annotations

import io
from typing import Final

import av
import av.error
import httpx
from PIL import Image

from simulator.loopback import is_on_this_machine

_FETCH_SECONDS: Final = 3.0
_FETCH_BYTES: Final = 100 * 1024 * 1024
_UNREACHABLE: Final = (httpx.HTTPError, httpx.InvalidURL)
# Pillow's decoders raise all of these for bytes that are no picture, or one that is meant to fill the memory.
_NO_IMAGE: Final = (OSError, ValueError, SyntaxError, Image.DecompressionBombError)
# IndexError: a container without a video stream.
_NO_VIDEO: Final = (av.error.FFmpegError, IndexError, ValueError)


def load_picture(source: str, content: bytes | None) -> Image.Image | None:
    """The picture behind *source*, or the first frame of a video; ``None`` when there is none to show.

    Args:
        source: A URL; looked up only when it points at this machine.
        content: The encoded bytes where they are already known.
    """
    if content is None and is_on_this_machine(source):
        content = _fetch(source)
    if not content:
        return None
    return _decode_image(content) or _decode_video(content)


def _fetch(url: str) -> bytes | None:
    content = bytearray()
    try:
        # trust_env=False: a proxy from the environment would be another machine.
        with (
            httpx.Client(trust_env=False, timeout=_FETCH_SECONDS) as client,
            client.stream("GET", url) as response,
        ):
            if response.status_code != 200:
                return None
            for chunk in response.iter_bytes():
                content += chunk
                if len(content) > _FETCH_BYTES:
                    return None
    except _UNREACHABLE:
        return None
    return bytes(content)


def _decode_image(content: bytes) -> Image.Image | None:
    try:
        with Image.open(io.BytesIO(content)) as image:
            return image.convert("RGB")
    except _NO_IMAGE:
        return None


def _decode_video(content: bytes) -> Image.Image | None:
    try:
        with av.open(io.BytesIO(content), "r") as container:
            frame = next(container.decode(video=0), None)
            return None if frame is None else frame.to_image()  # type: ignore[no-untyped-call]  # PyAV leaves it untyped
    except _NO_VIDEO:
        return None
