"""Looking into a file: real videos are measured, everything else is refused in a sentence."""

from __future__ import annotations

import random
from decimal import Decimal
from pathlib import Path

import av
import pytest
from PIL import Image

from tests.support.sample_videos import HEIGHT_PX, WIDTH_PX, make_clip
from workers.archive.video_probe import Probe, UnplayableError, probe_video

PLAYLIST = b"#EXTM3U\n#EXT-X-MEDIA-SEQUENCE:0\n#EXTINF:1,\nfile:///etc/passwd\n"


@pytest.fixture
def poster(tmp_path: Path) -> Path:
    return tmp_path / "poster.jpg"


def write(folder: Path, content: bytes) -> Path:
    path = folder / "clip.mp4"
    path.write_bytes(content)
    return path


@pytest.mark.parametrize("has_audio", [True, False])
def test_a_video_is_measured(tmp_path: Path, poster: Path, *, has_audio: bool) -> None:
    probe = probe_video(write(tmp_path, make_clip(2, has_audio=has_audio)), poster)

    assert probe == Probe(WIDTH_PX, HEIGHT_PX, probe.duration_seconds, "h264", has_audio)
    assert Decimal("1.9") <= probe.duration_seconds <= Decimal("2.3")


def test_the_poster_is_a_real_jpeg(tmp_path: Path, poster: Path) -> None:
    probe_video(write(tmp_path, make_clip()), poster)

    with Image.open(poster) as picture:
        picture.load()
        assert (picture.format, picture.size) == ("JPEG", (WIDTH_PX, HEIGHT_PX))


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"<!doctype html><title>Sign in</title>",
        b"\x89PNG\r\n\x1a\n" + bytes(100),
        make_clip()[:200],  # cut within the header
        make_clip()[: len(make_clip()) // 2],  # its index stands at the end
        PLAYLIST,  # would make a player read other files
        b"\x00\x00\x00\x18ftypmp42" + b"\xff" * 1000,
    ],
    ids=["empty", "html", "png", "header", "half", "playlist", "noise"],
)
def test_what_is_no_video_is_refused(tmp_path: Path, poster: Path, content: bytes) -> None:
    with pytest.raises(UnplayableError):
        probe_video(write(tmp_path, content), poster)

    assert not poster.exists()


@pytest.mark.parametrize("share", [0.5, 0.9, 1])
def test_half_a_file_with_its_index_in_front_is_refused(tmp_path: Path, poster: Path, share: float) -> None:
    content = index_first(make_clip(2), tmp_path)
    path = write(tmp_path, content[: int(len(content) * share) - 1])

    with pytest.raises(UnplayableError, match=r"not the whole mp4 file: the last \d+ bytes of its mdat box"):
        probe_video(path, poster)

    probe_video(write(tmp_path, content + b"what some tool has left"), poster)


def index_first(content: bytes, folder: Path) -> bytes:
    """The same video as servers like to have it, to be played while it loads."""
    before, after = write(folder, content), folder / "index-first.mp4"
    with av.open(str(before)) as old, av.open(str(after), "w", options={"movflags": "faststart"}) as new:
        stream = new.add_stream_from_template(old.streams.video[0])
        for packet in old.demux(video=0):
            if packet.dts is not None:
                packet.stream = stream
                new.mux(packet)
    moved = after.read_bytes()
    assert moved.index(b"moov") < moved.index(b"mdat")
    return moved


@pytest.mark.parametrize("seed", range(25))
def test_a_damaged_file_is_measured_or_refused(tmp_path: Path, poster: Path, seed: int) -> None:
    """No damage raises anything else, which would leave the fetch's lease behind."""
    content, dice = bytearray(make_clip()), random.Random(seed)  # noqa: S311 -- repeatable damage
    for _ in range(20):
        content[dice.randrange(len(content))] = dice.randrange(256)

    try:
        probe = probe_video(write(tmp_path, bytes(content)), poster)
    except UnplayableError:
        return
    assert probe.width_px > 0


def test_what_is_wrong_is_told_without_the_place_of_the_file(tmp_path: Path, poster: Path) -> None:
    with pytest.raises(UnplayableError) as refused:
        probe_video(write(tmp_path, b"no video"), poster)

    assert str(tmp_path) not in str(refused.value)
    assert "Invalid data" in str(refused.value)
