"""A picture is cut if it ends one byte, or more, before its end."""

from __future__ import annotations

import base64
import io
from pathlib import Path
from random import Random
from typing import Any

import pytest
from PIL import Image

from reelqueue import InvalidRequestError, data_uri, parse_request
from reelqueue.media.image_header import read_picture
from reelqueue.media.picture_end import is_whole

MODEL = {"model": "wan2.6-i2v", "prompt": "it moves"}


def picture(kind: str, size: tuple[int, int] = (19, 17), **options: Any) -> bytes:
    """Noise, in which every byte and so every false marker comes up."""
    noise = Random(7).randbytes(size[0] * size[1] * 3)  # noqa: S311 - a drawing
    stream = io.BytesIO()
    Image.frombytes("RGB", size, noise).convert(options.pop("mode", "RGB")).save(stream, kind, **options)
    return stream.getvalue()


PREVIEW = picture("JPEG", (8, 8))
KINDS = {
    "png": ("PNG", {}),
    "png-interlaced-palette": ("PNG", {"mode": "P"}),
    "jpeg": ("JPEG", {"quality": 95}),
    "jpeg-progressive": ("JPEG", {"progressive": True}),
    "jpeg-restarts": ("JPEG", {"restart_marker_blocks": 1}),
    "jpeg-with-a-preview": ("JPEG", {"exif": b"Exif\0\0" + PREVIEW}),
    "jpeg-grey": ("JPEG", {"mode": "L"}),
    "bmp": ("BMP", {}),
    "bmp-palette": ("BMP", {"mode": "P"}),
    "bmp-of-one-bit": ("BMP", {"mode": "1"}),
    "webp": ("WEBP", {}),
    "webp-lossless": ("WEBP", {"lossless": True}),
    "webp-extended": ("WEBP", {"exif": b"Exif\0\0MM\0*\0\0\0\x08\0\0\0\0\0\0"}),
}


@pytest.mark.parametrize("name", KINDS)
def test_a_cut_at_any_byte_is_seen_and_the_whole_is_not(name: str) -> None:
    kind, options = KINDS[name]
    whole = picture(kind, **options)
    read = read_picture(whole)
    assert read is not None

    assert is_whole(read.mime, whole)
    assert [end for end in range(len(whole)) if is_whole(read.mime, whole[:end])] == []


@pytest.mark.parametrize("name", ["png", "jpeg", "bmp", "webp"])
def test_what_stands_behind_the_end_is_no_matter(name: str) -> None:
    kind, options = KINDS[name]
    whole = picture(kind, **options)
    read = read_picture(whole)
    assert read is not None

    assert is_whole(read.mime, whole + b"\xff\xd8 a preview of the camera's")


@pytest.mark.parametrize("kind", ["PNG", "JPEG", "BMP", "WEBP"])
def test_a_cut_picture_is_refused_in_files_and_data_uris(kind: str, tmp_path: Path) -> None:
    whole = picture(kind, (640, 480))
    cut = whole[:-1]
    path = tmp_path / "cut"
    path.write_bytes(cut)
    mime = data_uri(whole).partition(";")[0]

    for image in (str(path), cut, f"{mime};base64,{base64.b64encode(cut).decode()}"):
        with pytest.raises(InvalidRequestError, match="ends before its picture does") as caught:
            parse_request({**MODEL, "image": image}, local_files=True)
        assert (caught.value.code, caught.value.field) == ("cut_picture", "image")


@pytest.mark.parametrize("kind", ["PNG", "JPEG", "BMP", "WEBP"])
def test_a_cell_that_a_spreadsheet_has_cut_is_told_as_one(kind: str) -> None:
    options = {"lossless": True} if kind == "WEBP" else {}
    uri = data_uri(picture(kind, (640, 480), **options))

    with pytest.raises(InvalidRequestError, match="the 32,767 that a cell of a spreadsheet holds"):
        parse_request({**MODEL, "image": uri[:32767]})
