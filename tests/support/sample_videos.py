"""Small real videos, made once per process."""

from __future__ import annotations

import functools
import io
from fractions import Fraction

import av
from PIL import Image

WIDTH_PX, HEIGHT_PX = 64, 36
FRAMES_PER_SECOND = 10
_SAMPLES_PER_SECOND = 8000


@functools.cache
def make_clip(seconds: int = 1, *, has_audio: bool = True, size_px: tuple[int, int] = (WIDTH_PX, HEIGHT_PX)) -> bytes:
    """An mp4 file, H.264 and AAC."""
    file = io.BytesIO()
    with av.open(file, "w", format="mp4") as container:
        video = container.add_stream("libx264", rate=FRAMES_PER_SECOND)
        (video.width, video.height), video.pix_fmt = size_px, "yuv420p"
        audio = container.add_stream("aac", rate=_SAMPLES_PER_SECOND, layout="mono") if has_audio else None
        for number in range(seconds * FRAMES_PER_SECOND):
            picture = Image.new("RGB", size_px, (number * 7 % 256, 80, 160))
            container.mux(video.encode(av.VideoFrame.from_image(picture)))
        container.mux(video.encode())
        if audio is not None:
            container.mux(audio.encode(_silence(seconds)))
            container.mux(audio.encode())
    return file.getvalue()


def _silence(seconds: int) -> av.AudioFrame:
    frame = av.AudioFrame(format="fltp", layout="mono", samples=seconds * _SAMPLES_PER_SECOND)
    frame.planes[0].update(bytes(frame.planes[0].buffer_size))
    frame.sample_rate, frame.pts = _SAMPLES_PER_SECOND, 0
    frame.time_base = Fraction(1, _SAMPLES_PER_SECOND)
    return frame
