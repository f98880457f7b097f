"""Draws a scene and encodes it as mp4: H.264, and AAC when it has sound.

The layers are drawn once with Pillow; FFmpeg's filters move them and put them together, frame by frame and
outside the interpreter's lock: five seconds of 1280x720 take a quarter of a second.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from fractions import Fraction
from pathlib import Path
from typing import Final

import av
from PIL import Image

from simulator.clips import layers
from simulator.clips.filter_graph import Stage
from simulator.clips.layers import Card, Layer
from simulator.clips.pictures import load_picture
from simulator.clips.scene import Scene
from simulator.clips.sound import SAMPLE_RATE_HZ, chord_frames
from simulator.references import SHAPING_ROLES

_VIDEO_OPTIONS: Final = {"preset": "ultrafast", "crf": "27"}
_SOUND_OPTIONS: Final = {"aac_coder": "fast", "b": "64k"}


def draw_film(scene: Scene, contents: Mapping[str, bytes], path: Path) -> None:
    """Write *scene* to *path*.

    Args:
        scene: What to show.
        contents: Encoded bytes of the pictures that the simulator holds, by their source.
        path: Replaced when it exists.
    """
    pictures = [(one, load_picture(one.source, contents.get(one.source))) for one in scene.pictures]
    first = next((picture for one, picture in pictures if one.role in SHAPING_ROLES and picture), None)
    width, height = scene.width, scene.height
    if scene.follows_picture and first is not None:
        width, height = scene.shaped_like(first.width, first.height)
    random = layers.random_for(scene)
    colours = layers.palette(random)
    base = layers.backdrop(width, height, colours) if first is None else layers.filling(first, width, height)
    moving = layers.discs(min(width, height), colours, random) if first is None else []
    shown = [
        Card(one.label, one.source, picture) for one, picture in pictures if picture is None or picture is not first
    ]
    moving += layers.cards(shown, width, height)
    moving += [layers.caption_panel(scene, width, height)] if scene.caption or scene.footer else []
    moving.append(layers.progress_bar(scene, width, height))
    _encode(scene, base, moving, (width, height), path)


def _encode(scene: Scene, base: Image.Image, moving: list[Layer], size: tuple[int, int], path: Path) -> None:
    # faststart: the index comes first, so that players need not load the whole file.
    with av.open(str(path), "w", format="mp4", options={"movflags": "+faststart"}) as container:
        video = container.add_stream("libx264", rate=scene.frames_per_second, options=_VIDEO_OPTIONS)
        video.width, video.height = size
        video.pix_fmt = "yuv420p"
        sound = container.add_stream("aac", rate=SAMPLE_RATE_HZ, options=_SOUND_OPTIONS) if scene.has_audio else None
        for frame in _frames(scene, base, moving, size):
            container.mux(video.encode(frame))
        container.mux(video.encode(None))
        if sound is not None:
            for samples in chord_frames(scene.duration_seconds, layers.random_for(scene)):
                container.mux(sound.encode(samples))
            container.mux(sound.encode(None))


def _frames(scene: Scene, base: Image.Image, moving: list[Layer], size: tuple[int, int]) -> Iterator[av.VideoFrame]:
    time_base = Fraction(1, scene.frames_per_second)
    count = max(round(scene.duration_seconds * scene.frames_per_second), 1)
    stage = Stage(count, time_base)
    stage.lay(base, f"crop=w={size[0]}:h={size[1]}:x=(iw-ow)*min(t/{scene.duration_seconds:.3f}\\,1):y=(ih-oh)/2")
    for layer in moving:
        stage.overlay(layer)
    for number, frame in enumerate(stage.frames()):
        frame.pts, frame.time_base = number, time_base
        frame.pict_type = 0  # let the encoder choose its key frames
        yield frame
