"""Check embedded pictures against the image limits of a model."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from reelqueue.catalog import ModelSpec
from reelqueue.catalog.spec import ImageLimits
from reelqueue.errors import InvalidRequestError
from reelqueue.media.data_uri import EMBEDDED_BYTES_MAX_TOTAL, Embedded, read_embedded
from reelqueue.requests.media_roles import Medium


def check_pictures(media: Sequence[Medium], spec: ModelSpec) -> Iterator[str]:
    """Warnings about the pictures that are embedded in a request; those behind URLs are not fetched.

    Raises:
        InvalidRequestError: A picture that the model does not read, or more than a request can carry.
    """
    total_bytes = 0
    for medium in media:
        if medium.voice is not None and medium.voice.startswith("data:"):
            total_bytes += read_embedded(medium.voice).size_bytes
        if not medium.url.startswith("data:"):
            continue
        embedded = read_embedded(medium.url)
        total_bytes += embedded.size_bytes
        if total_bytes > EMBEDDED_BYTES_MAX_TOTAL:
            raise InvalidRequestError(
                "file_too_large",
                f"{medium.option}: the embedded pictures have more than {EMBEDDED_BYTES_MAX_TOTAL} bytes in all, "
                "the most that fits into a request; give URLs",
                medium.option,
            )
        role = spec.media.by_name.get(medium.role) if spec.media else None
        if role is not None and role.image is not None:
            yield from _check_picture(medium, embedded, role.image, spec)


def _check_picture(medium: Medium, embedded: Embedded, limits: ImageLimits, spec: ModelSpec) -> Iterator[str]:
    picture = embedded.picture
    if picture is None:
        fault: str | None = "it is neither JPEG, PNG, BMP nor WEBP by its first bytes"
    elif picture.has_alpha:
        fault = "it is a PNG with an alpha channel; save it without transparency"
    else:
        fault = _crossed(embedded, limits)
    if fault is not None:
        raise InvalidRequestError(
            "bad_picture", f"{medium.option}: {spec.id} cannot read the {medium.role}: {fault}", medium.option
        )
    if limits.stricter and (narrow := _crossed(embedded, limits.stricter)):
        yield f"{medium.option}: some pages of the documentation refuse the {medium.role}: {narrow}"


def _crossed(embedded: Embedded, limits: ImageLimits) -> str | None:
    if embedded.size_bytes > limits.size_bytes_max:
        return f"it has {embedded.size_bytes} bytes; at most {limits.size_bytes_max}"
    picture = embedded.picture
    if picture is None or picture.width_px is None or picture.height_px is None:
        return None
    short, long = sorted((picture.width_px, picture.height_px))
    seen = f"it is {picture.width_px}x{picture.height_px}"
    if short < limits.side_px_min:
        return f"{seen}; each side needs at least {limits.side_px_min} px"
    if limits.side_px_max is not None and long > limits.side_px_max:
        return f"{seen}; at most {limits.side_px_max} px a side"
    if limits.aspect_max is not None and long > limits.aspect_max * short:
        return f"{seen}; one side at most {limits.aspect_max:g} times the other"
    return None
