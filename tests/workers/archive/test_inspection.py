"""Looking into files that were made to cost a decoder gigabytes or hours."""

from __future__ import annotations

import errno
import io
import os
from collections.abc import Callable
from fractions import Fraction
from pathlib import Path

import av
import pytest
from PIL import Image

from tests.support.sample_videos import HEIGHT_PX, WIDTH_PX, make_clip
from workers.archive import inspection
from workers.archive.inspection import Bounds, inspect_video
from workers.archive.video_probe import MOST_FRAMES_BEHIND_KEY, Probe, UnplayableError


@pytest.fixture
def inspect(tmp_path: Path) -> Callable[..., Probe]:
    """Looks into a file's content."""

    def look(content: bytes, beats: list[None] | None = None, **bounds: float) -> Probe:
        path = tmp_path / "clip.mp4"
        path.write_bytes(content)
        return inspect_video(
            path,
            poster=tmp_path / "poster.jpg",
            last_frame=tmp_path / "last.png",
            renew=lambda: (beats if beats is not None else []).append(None),
            bounds=Bounds(**bounds),  # type: ignore[arg-type]
        )

    return look


def film(size: tuple[int, int], frames: int, codec: str, options: dict[str, str]) -> bytes:
    """One picture, over and over."""
    file = io.BytesIO()
    with av.open(file, "w", format="mp4") as container:
        stream = container.add_stream(codec, rate=50, options=options)
        stream.width, stream.height = size
        stream.pix_fmt = "gray" if codec == "png" else "yuv420p"
        stream.time_base = Fraction(1, 50)
        picture = av.VideoFrame(*size, stream.pix_fmt)
        for plane in picture.planes:
            plane.update(bytes(plane.buffer_size))
        for number in range(frames):
            picture.pts = number
            container.mux(stream.encode(picture))
        container.mux(stream.encode())
    return file.getvalue()


def test_a_video_is_measured_and_pictured(inspect: Callable[..., Probe], tmp_path: Path) -> None:
    probe = inspect(make_clip(2))

    assert (probe.width_px, probe.height_px, probe.video_codec) == (WIDTH_PX, HEIGHT_PX, "h264")
    for name in ("poster.jpg", "last.png"):
        with Image.open(tmp_path / name) as picture:
            assert picture.size == (WIDTH_PX, HEIGHT_PX)


def test_what_is_no_video_is_refused_and_the_next_file_is_not(inspect: Callable[..., Probe]) -> None:
    with pytest.raises(UnplayableError, match="Invalid data"):
        inspect(b"<!doctype html>")

    assert inspect(make_clip()).video_codec == "h264"


@pytest.mark.parametrize("size", [(8200, 64), (7000, 7000)])
def test_pictures_larger_than_any_model_makes_are_not_decoded(
    inspect: Callable[..., Probe], size: tuple[int, int]
) -> None:
    bomb = film(size, 1, "png", {})

    assert len(bomb) < 1_000_000
    with pytest.raises(UnplayableError, match=f"its pictures are {size[0]}x{size[1]}"):
        inspect(bomb)


def test_thousands_of_frames_behind_one_key_frame_are_not_decoded(inspect: Callable[..., Probe]) -> None:
    endless = {"g": "1000000", "preset": "ultrafast", "x264-params": "keyint=infinite:scenecut=0"}

    with pytest.raises(UnplayableError, match="frames or more before its end"):
        inspect(film((64, 64), MOST_FRAMES_BEHIND_KEY + 10, "libx264", endless))


def test_a_file_that_takes_too_much_memory_ends_alone(inspect: Callable[..., Probe]) -> None:
    with pytest.raises(UnplayableError, match="more time or memory"):
        inspect(make_clip(), memory_mib=8)

    assert inspect(make_clip()).video_codec == "h264"


def test_a_file_that_takes_too_long_is_given_up_and_the_next_one_is_not(inspect: Callable[..., Probe]) -> None:
    beats: list[None] = []
    with pytest.raises(UnplayableError, match="takes longer than"):
        inspect(make_clip(), beats, wall_seconds=0.0)

    assert beats != []  # the lease is renewed meanwhile
    assert inspect(make_clip()).video_codec == "h264"


def test_a_host_that_can_start_no_process_now_can_later(
    inspect: Callable[..., Probe], monkeypatch: pytest.MonkeyPatch
) -> None:
    while not inspection._idle.empty():
        if (server := inspection._idle.get_nowait()) is not None:
            server.close()
    places = os.cpu_count() or 1
    for _ in range(places):
        inspection._idle.put(None)
    with monkeypatch.context() as patch:
        patch.setattr(inspection.subprocess, "Popen", _no_process)
        for _ in range(places + 1):
            with pytest.raises(UnplayableError, match="no process to look into it can be started here: Resource"):
                inspect(make_clip())

    assert inspect(make_clip()).video_codec == "h264"


def _no_process(*_: object, **__: object) -> None:
    raise OSError(errno.EAGAIN, os.strerror(errno.EAGAIN))
