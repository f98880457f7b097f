"""Clips: what is in the files."""

from __future__ import annotations

import http.server
import io
import threading
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import av
import pytest
from PIL import Image

from simulator.clips.encoder import draw_film
from simulator.clips.pictures import load_picture
from simulator.clips.scene import Picture, Scene
from simulator.loopback import is_on_this_machine

SCENE = Scene(
    width=160,
    height=96,
    follows_picture=False,
    duration_seconds=1,
    has_audio=True,
    frames_per_second=12,
    caption="A paper boat on a wet street",
    footer="wan2.6-t2v",
    pictures=(),
)


def frames_of(path: Path) -> list[Image.Image]:
    """Every picture of a clip."""
    with av.open(str(path)) as container:
        return [frame.to_image() for frame in container.decode(video=0)]


def picture(colour: str, size: tuple[int, int] = (300, 200)) -> bytes:
    """A PNG of one colour."""
    content = io.BytesIO()
    Image.new("RGB", size, colour).save(content, "PNG")
    return content.getvalue()


@pytest.mark.parametrize(("width", "height", "seconds"), [(160, 96, 1), (96, 160, 2.5), (64, 36, 0.5)])
def test_a_clip_has_the_size_and_length_that_were_asked_for(
    tmp_path: Path, width: int, height: int, seconds: float
) -> None:
    path = tmp_path / "clip.mp4"

    draw_film(replace(SCENE, width=width, height=height, duration_seconds=seconds), {}, path)

    with av.open(str(path)) as container:
        video = container.streams.video[0]
        assert (video.width, video.height, video.codec_context.name) == (width, height, "h264")
        assert container.duration is not None
        assert container.duration / 1_000_000 == pytest.approx(seconds, abs=0.1)


@pytest.mark.parametrize("has_audio", [True, False])
def test_a_clip_has_sound_or_not(tmp_path: Path, *, has_audio: bool) -> None:
    path = tmp_path / "clip.mp4"

    draw_film(replace(SCENE, has_audio=has_audio), {}, path)

    with av.open(str(path)) as container:
        assert [stream.codec_context.name for stream in container.streams.audio] == ["aac"] * has_audio


def test_a_clip_moves(tmp_path: Path) -> None:
    draw_film(SCENE, {}, tmp_path / "clip.mp4")

    frames = frames_of(tmp_path / "clip.mp4")

    assert len(frames) == 12
    assert frames[0].tobytes() != frames[6].tobytes()


@pytest.mark.parametrize(
    "caption",
    ["机器人在屋顶上跳舞", "قارب ورقي في المطر", "🎬🌧️", "a\x00b\ud800c\n\td", "w" * 600, "", " "],
)
def test_any_prompt_can_be_drawn(tmp_path: Path, caption: str) -> None:
    draw_film(replace(SCENE, caption=caption), {}, tmp_path / "clip.mp4")

    assert frames_of(tmp_path / "clip.mp4")


def test_a_first_frame_fills_the_clip_and_gives_its_aspect(tmp_path: Path) -> None:
    scene = replace(SCENE, follows_picture=True, caption="", footer="", pictures=(Picture("", "first_frame", "x"),))

    draw_film(scene, {"x": picture("red", (200, 300))}, tmp_path / "clip.mp4")

    first = frames_of(tmp_path / "clip.mp4")[0]
    assert first.height > first.width
    red, green, blue = first.getpixel((first.width // 2, first.height // 2))
    assert red > 200
    assert max(green, blue) < 60


def test_references_are_shown_side_by_side(tmp_path: Path) -> None:
    pictures = (Picture("character1", "reference_image", "x"), Picture("character2", "reference_image", "y"))
    scene = replace(SCENE, width=320, height=192, pictures=pictures)

    draw_film(scene, {"x": picture("red"), "y": picture("blue")}, tmp_path / "clip.mp4")

    first = frames_of(tmp_path / "clip.mp4")[0]
    assert first.getpixel((88, 60))[0] > 150
    assert first.getpixel((232, 60))[2] > 150


def test_a_picture_on_another_machine_is_not_fetched(tmp_path: Path) -> None:
    scene = replace(SCENE, pictures=(Picture("character1", "reference_image", "https://media.test/a.png"),))

    draw_film(scene, {}, tmp_path / "clip.mp4")

    assert load_picture("https://media.test/a.png", None) is None


def test_a_picture_on_this_machine_is_fetched(picture_url: str) -> None:
    image = load_picture(picture_url, None)

    assert image is not None
    assert image.size == (300, 200)


@pytest.mark.parametrize("content", [b"", b"not a picture", picture("red")[:100]])
def test_what_is_no_picture_is_not_shown(content: bytes) -> None:
    assert load_picture("x", content) is None


def test_a_video_shows_its_first_frame(tmp_path: Path) -> None:
    draw_film(SCENE, {}, tmp_path / "clip.mp4")

    image = load_picture("x", (tmp_path / "clip.mp4").read_bytes())

    assert image is not None
    assert image.size == (160, 96)


@pytest.mark.parametrize(
    ("url", "expected"),
    [
        ("http://127.0.0.1:8000/a.png", True),
        ("http://localhost/a.png", True),
        ("http://[::1]/a.png", True),
        ("http://127.0.0.1.media.test/a.png", False),
        ("http://10.0.0.1/a.png", False),
        ("http://127.0.0.1@media.test/", False),
        ("ftp://127.0.0.1/a.png", False),
        ("http://[::1", False),
    ],
)
def test_only_loopback_addresses_are_fetched(url: str, *, expected: bool) -> None:
    assert is_on_this_machine(url) is expected


@pytest.fixture
def picture_url() -> Iterator[str]:
    """A picture served on loopback."""

    class Handler(http.server.BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.send_response(200)
            self.end_headers()
            self.wfile.write(picture("red"))

        def log_message(self, *_: object) -> None:
            """Say nothing."""

    with http.server.HTTPServer(("127.0.0.1", 0), Handler) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        yield f"http://127.0.0.1:{server.server_port}/a.png"
        server.shutdown()
        thread.join()
