"""Probes a fetched file: whether it is a playable video, its size and duration, its first and last frame."""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass
from decimal import Decimal
from itertools import islice
from pathlib import Path
from typing import Final

import av
from av.error import FFmpegError
from PIL import Image

from reelqueue.errors import ReelqueueError

POSTER_WIDTH_PX = 640
LONGEST_SIDE_PX: Final = 8192
MOST_PIXELS: Final = 40_000_000
"""Of one picture; 8K has 33 million, and no model makes more than 4K."""
MOST_FRAMES_BEHIND_KEY: Final = 3000
"""A minute at 50 frames a second; encoders put one every few seconds."""
_HEAD_BYTES: Final = 8
_LONG_HEAD_BYTES: Final = 16
_LENGTH_FOLLOWS: Final = 1
_WANTED: Final = {b"moov", b"mdat"}


class UnplayableError(ReelqueueError):
    """A fetched file is no video that can be played."""


@dataclass(frozen=True)
class Probe:
    """What a video file holds."""

    width_px: int
    height_px: int
    duration_seconds: Decimal
    video_codec: str
    has_audio: bool


def probe_video(path: Path, poster: Path) -> Probe:
    """Measure a video and write its first picture as a JPEG.

    Args:
        path: The video.
        poster: Where the picture goes; replaced if it is there.

    Raises:
        UnplayableError: The file has no video stream with at least one picture, or its end is missing.
    """
    _check_end(path)
    try:
        # The container format is fixed: a playlist that names other files or hosts is refused unread.
        with av.open(str(path), format="mp4") as container:
            stream = next(iter(container.streams.video), None)
            if stream is None or stream.codec_context is None:  # none where the codec is unknown
                raise UnplayableError("an mp4 file without a picture")
            _check_size(stream.codec_context.width, stream.codec_context.height)
            frame = next(container.decode(stream), None)
            if frame is None:
                raise UnplayableError("an mp4 file without a picture")
            picture: Image.Image = frame.to_image()  # type: ignore[no-untyped-call]
            duration = Decimal(container.duration or 0) / av.time_base
            found = Probe(
                width_px=stream.codec_context.width,
                height_px=stream.codec_context.height,
                duration_seconds=duration.quantize(Decimal("0.001")),
                video_codec=stream.codec_context.name,
                has_audio=bool(container.streams.audio),
            )
    except (FFmpegError, ValueError) as error:
        raise UnplayableError(f"not a playable mp4 file: {_reason(error)}") from error
    picture.thumbnail((POSTER_WIDTH_PX, POSTER_WIDTH_PX * 4))
    picture.save(poster, "JPEG", quality=85)
    return found


def _check_size(width_px: int, height_px: int) -> None:
    """Refuse, before anything is decoded, pictures larger than any model makes."""
    if max(width_px, height_px) > LONGEST_SIDE_PX or width_px * height_px > MOST_PIXELS:
        raise UnplayableError(f"its pictures are {width_px}x{height_px}, larger than any model makes")


def _check_end(path: Path) -> None:
    """Refuse a file that ends within its index or its media (boxes as in ISO/IEC 14496-12, 4.2).

    Decoders do not mind: with its index in front, half a file plays until it stops.
    """
    size_bytes, begin = path.stat().st_size, 0
    with path.open("rb") as file:
        while begin + _HEAD_BYTES <= size_bytes:
            file.seek(begin)
            head = file.read(_LONG_HEAD_BYTES)
            length, kind = int.from_bytes(head[:4]), head[4:8]
            if length == _LENGTH_FOLLOWS:
                length = int.from_bytes(head[8:])
            if kind in _WANTED and begin + length > size_bytes:
                missing = begin + length - size_bytes
                raise UnplayableError(
                    f"not the whole mp4 file: the last {missing} bytes of its {kind.decode()} box are missing"
                )
            if length < _HEAD_BYTES:
                return  # it goes on to the end, or is no box: the decoder will see
            begin += length


def write_last_frame(path: Path, picture: Path) -> None:
    """Write a video's last picture as a PNG in its full size: another clip may begin with it.

    Args:
        path: A video that `probe_video` has measured.
        picture: Where it goes; replaced if it is there.

    Raises:
        UnplayableError: No picture of its end can be read.
    """
    try:
        with av.open(str(path), format="mp4") as container:
            stream = container.streams.video[0]
            # From the key frame before its end on: decoding all of it takes as long as a slow download.
            container.seek(max(0, (container.duration or 0) - av.time_base // 2))
            # A key frame is seconds back; who puts hours of frames behind one wants us to decode them.
            frames = deque(islice(enumerate(container.decode(stream)), MOST_FRAMES_BEHIND_KEY), maxlen=1)
            number, frame = frames.pop()
            if number + 1 == MOST_FRAMES_BEHIND_KEY:
                raise UnplayableError(f"its last key frame is {MOST_FRAMES_BEHIND_KEY} frames or more before its end")
            last: Image.Image = frame.to_image()  # type: ignore[no-untyped-call]
    except (FFmpegError, ValueError, IndexError) as error:
        raise UnplayableError(f"its end cannot be read: {_reason(error)}") from error
    last.save(picture, "PNG")


def _reason(error: Exception) -> str:
    """What was wrong, without FFmpeg's mention of the path: producers see it in their job's history."""
    return (isinstance(error, FFmpegError) and error.strerror) or type(error).__name__
