from __future__ import annotations

import base64
import io
from pathlib import Path
from typing import Any

import pytest
from PIL import Image

from reelqueue import ImageToVideo, InvalidRequestError, MediaItem, ReferenceToVideo, build, data_uri, parse_request
from reelqueue.media.data_uri import EMBEDDED_BYTES_MAX, local_path
from reelqueue.media.image_header import read_picture


def picture(kind: str = "PNG", size: tuple[int, int] = (640, 480), mode: str = "RGB", **options: Any) -> bytes:
    stream = io.BytesIO()
    Image.new(mode, size).save(stream, kind, **options)
    return stream.getvalue()


@pytest.mark.parametrize(
    ("kind", "options", "mime"),
    [
        ("PNG", {}, "image/png"),
        ("JPEG", {}, "image/jpeg"),
        ("JPEG", {"progressive": True, "exif": b"Exif\0\0" + bytes(9000)}, "image/jpeg"),  # the size stands far behind
        ("BMP", {}, "image/bmp"),
        ("WEBP", {}, "image/webp"),
        ("WEBP", {"lossless": True}, "image/webp"),
        ("WEBP", {"exif": b"Exif\0\0MM\0*\0\0\0\x08\0\0\0\0\0\0"}, "image/webp"),  # the extended header
    ],
)
def test_a_picture_is_known_by_its_first_bytes(kind: str, options: dict[str, Any], mime: str) -> None:
    read = read_picture(picture(kind, (640, 480), **options))

    assert read is not None
    assert (read.mime, read.width_px, read.height_px, read.has_alpha) == (mime, 640, 480, False)


@pytest.mark.parametrize("content", [b"", b"GIF89a", b"RIFF....WAVE", b"<svg/>", b"\x89PNX"])
def test_anything_else_is_no_picture(content: bytes) -> None:
    assert read_picture(content) is None


@pytest.mark.parametrize("kind", ["PNG", "JPEG", "BMP", "WEBP"])
def test_a_header_that_breaks_off_still_has_its_type(kind: str) -> None:
    read = read_picture(picture(kind)[:15])

    assert read is not None
    assert (read.width_px, read.height_px) == (None, None)


def test_bytes_and_paths_become_the_same_data_uri(tmp_path: Path) -> None:
    # The name lies about the type; the bytes decide.
    path = tmp_path / "first frame.jpg"
    path.write_bytes(picture())

    expected = "data:image/png;base64," + base64.b64encode(picture()).decode()

    assert data_uri(path) == data_uri(picture()) == expected
    assert build(ImageToVideo(model="wan2.6-i2v", image=path)).body["input"] == {"img_url": expected}
    assert MediaItem(type="first_frame", url=picture()).url == expected


@pytest.mark.parametrize("spelling", ["{path}", "file://{path}", "FILE://localhost{quoted}"])
def test_a_producer_may_give_paths_in_strings(tmp_path: Path, spelling: str) -> None:
    path = tmp_path / "first frame.png"
    path.write_bytes(picture())
    text = spelling.format(path=path, quoted=str(path).replace(" ", "%20"))

    request = parse_request(
        {"model": "wan2.7-r2v", "prompt": "x", "image": text, "referenceUrls": [text]}, local_files=True
    )

    assert isinstance(request, ReferenceToVideo)
    assert request.image == data_uri(path)
    assert request.reference_urls == (data_uri(path),)


def test_a_producer_may_give_paths_in_media(tmp_path: Path) -> None:
    path = tmp_path / "first.png"
    path.write_bytes(picture())
    options = {"model": "wan2.7-i2v", "media": [{"type": "first_frame", "url": str(path)}]}

    request = parse_request(options, local_files=True)

    assert build(request).body["input"]["media"] == [{"type": "first_frame", "url": data_uri(path)}]


@pytest.mark.parametrize("spelling", ["{path}", "file://{path}", "./first.png", "~/first.png"])
def test_a_server_never_reads_its_own_files(tmp_path: Path, spelling: str) -> None:
    path = tmp_path / "first.png"
    path.write_bytes(picture())

    with pytest.raises(InvalidRequestError) as caught:
        parse_request({"model": "wan2.6-i2v", "image": spelling.format(path=path)})

    assert caught.value.field == "image"
    assert caught.value.code in {"bad_url", "local_path_refused"}


def test_a_server_refuses_a_path_object_too(tmp_path: Path) -> None:
    with pytest.raises(InvalidRequestError, match="not read for a request that comes from elsewhere"):
        parse_request({"model": "wan2.6-i2v", "image": tmp_path})


@pytest.mark.parametrize(
    ("content", "code"),
    [
        (b"", "empty_file"),
        (b"no picture at all", "unknown_media_type"),
        (b"\xff\xd8\xff" + bytes(EMBEDDED_BYTES_MAX), "file_too_large"),
        (picture("PNG", mode="RGBA"), "bad_picture"),  # alpha
        (picture("PNG", mode="LA"), "bad_picture"),
        (picture("PNG", (239, 480)), "bad_picture"),
        (picture("PNG", (240, 8001)), "bad_picture"),
    ],
)
def test_a_file_that_the_model_cannot_read_is_refused(tmp_path: Path, content: bytes, code: str) -> None:
    path = tmp_path / "first.png"
    path.write_bytes(content)

    with pytest.raises(InvalidRequestError) as caught:
        parse_request({"model": "wan2.6-i2v", "image": str(path)}, local_files=True)

    assert (caught.value.code, caught.value.field) == (code, "image")


@pytest.mark.parametrize(
    ("name", "words"),
    [
        ("absent.png", "No such file"),
        (".", "directory"),  # a folder
        ("nul\0.png", "null"),
    ],
)
def test_an_unreadable_file_names_path_and_reason(tmp_path: Path, name: str, words: str) -> None:
    with pytest.raises(InvalidRequestError, match=words) as caught:
        parse_request(
            {"model": "wan2.2-kf2v-flash", "image": picture(), "last_frame": f"{tmp_path}/{name}"}, local_files=True
        )

    assert (caught.value.code, caught.value.field) == ("unreadable_file", "last_frame")


def test_a_type_names_its_own_option_when_a_file_is_bad(tmp_path: Path) -> None:
    with pytest.raises(InvalidRequestError) as caught:
        ImageToVideo(model="wan2.7-i2v", image=picture(), last_frame=tmp_path / "absent.png")

    assert caught.value.field == "last_frame"


@pytest.mark.parametrize(
    ("model", "content", "words"),
    [
        ("wan2.6-i2v", picture(size=(300, 400)), "at least 360 px"),  # what earlier pages said
        ("wan2.2-i2v-plus", picture(size=(2400, 400)), "at most 2000 px"),
    ],
)
def test_a_picture_in_doubt_is_a_warning(model: str, content: bytes, words: str) -> None:
    warnings = build(ImageToVideo(model=model, image=content)).warnings

    assert any(words in warning for warning in warnings), warnings


@pytest.mark.parametrize(
    ("model", "size"),
    [
        ("wan2.7-i2v", (2400, 240)),  # 10:1, at most 8:1
        ("happyhorse-1.0-i2v", (900, 300)),  # 3:1, at most 2.5:1
        ("happyhorse-1.0-i2v", (299, 299)),
    ],
)
def test_limits_are_those_of_the_model(model: str, size: tuple[int, int]) -> None:
    with pytest.raises(InvalidRequestError, match="cannot read the first_frame"):
        ImageToVideo(model=model, image=picture(size=size))


def test_what_one_request_can_carry_is_limited_over_all_its_pictures() -> None:
    half = picture("BMP", (1800, 1700))  # 9.2 MB each

    with pytest.raises(InvalidRequestError, match="in all") as caught:
        ImageToVideo(model="wan2.7-i2v", image=half, last_frame=half)

    assert (caught.value.code, caught.value.field) == ("file_too_large", "last_frame")


def test_a_model_of_an_earlier_family_takes_smaller_files() -> None:
    with pytest.raises(InvalidRequestError, match="at most 10485760"):
        ImageToVideo(model="wan2.2-i2v-flash", image=picture("BMP", (1900, 1900)))


@pytest.mark.parametrize(
    ("text", "path"),
    [
        ("first.png", Path("first.png")),
        ("/data/first.png", Path("/data/first.png")),
        ("C:\\first.png", Path("C:\\first.png")),
        ("file:///data/a%20b.png", Path("/data/a b.png")),
        ("https://media.example/a.png", None),
        ("oss://bucket/a.png", None),
        ("data:image/png;base64,AAAA", None),
        ("s3://bucket/a.png", None),
    ],
)
def test_a_path_is_a_string_that_is_clearly_no_url(text: str, path: Path | None) -> None:
    assert local_path(text) == path
