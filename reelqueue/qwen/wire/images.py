"""Pictures of a message as the URL that the service gets."""

from __future__ import annotations

import base64
import re
from typing import Final

from reelqueue.errors import InvalidRequestError
from reelqueue.media.data_uri import EMBEDDED_BYTES_MAX, EMBEDDED_BYTES_MAX_TOTAL
from reelqueue.qwen.messages import ImagePart

_URL: Final = re.compile(r"(?:https?://[^\s/]|data:image/)", re.IGNORECASE)

_SIGNATURES: Final = (
    (re.compile(rb"GIF8[79]a"), "image/gif"),
    (re.compile(rb"\x89PNG"), "image/png"),
    (re.compile(rb"\xff\xd8"), "image/jpeg"),
    (re.compile(rb"RIFF....WEBP", re.DOTALL), "image/webp"),
    (re.compile(rb"BM....\0\0\0\0", re.DOTALL), "image/bmp"),
    (re.compile(rb"II\*\0|MM\0\*"), "image/tiff"),
    (re.compile(rb"\0\0\0.ftypavif", re.DOTALL), "image/avif"),
    (re.compile(rb"\0\0\0.ftypheic", re.DOTALL), "image/heic"),
)
"""How a file begins; wider than what videos are made from, as other models look at it."""


def image_url(part: ImagePart) -> str:
    """The picture's URL as it was given, or its bytes as a data URL.

    Raises:
        InvalidRequestError: It is no URL, or bytes of no known kind, or too big.
    """
    if isinstance(part.image, bytes):
        return _data_url(part.image, part.media_type)
    if not _URL.match(part.image):
        raise InvalidRequestError(
            "bad_url",
            f"image: must be bytes, or an http, https or data URL of a picture, not {part.image[:80]!r}",
            "messages",
        )
    if part.image[:5].lower() == "data:":
        _check_size(len(part.image.partition(",")[2]) * 3 // 4)
    return part.image


def media_type_of(content: bytes) -> str | None:
    """The type of a picture by its first bytes; None for what is none."""
    return next((mime for signature, mime in _SIGNATURES if signature.match(content)), None)


def check_total(urls: list[str]) -> None:
    """Refuse pictures that are each small enough and together too big.

    Raises:
        InvalidRequestError: They are.
    """
    size = sum(len(url) * 3 // 4 for url in urls if url[:5].lower() == "data:")
    if size > EMBEDDED_BYTES_MAX_TOTAL:
        raise InvalidRequestError(
            "file_too_large",
            f"messages: the pictures inside have {size} bytes together, and {EMBEDDED_BYTES_MAX_TOTAL} is the most; "
            "give their URLs",
            "messages",
        )


def _data_url(content: bytes, media_type: str | None) -> str:
    _check_size(len(content))
    found = media_type_of(content)
    stated = media_type if media_type and re.fullmatch(r"image/[A-Za-z0-9.+-]+", media_type) else None
    if not (mime := found or stated):
        raise InvalidRequestError(
            "unknown_media_type",
            "image: the bytes are of no kind of picture that is known; give its media_type, such as image/png",
            "messages",
        )
    return f"data:{mime};base64,{base64.b64encode(content).decode('ascii')}"


def _check_size(size_bytes: int) -> None:
    if size_bytes > EMBEDDED_BYTES_MAX:
        raise InvalidRequestError(
            "file_too_large",
            f"image: has {size_bytes} bytes, and {EMBEDDED_BYTES_MAX} is the most that fits into a request; "
            "put it on a web server or into a bucket and give its URL",
            "messages",
        )
