"""A filter graph that moves still layers over a base."""

from __future__ import annotations

from collections.abc import Iterator
from fractions import Fraction

import av
import av.filter
from av.filter.context import FilterContext
from PIL import Image

from simulator.clips.filter_output import frames_from
from simulator.clips.layers import Layer


class Stage:
    """Stills that are repeated for a number of frames and laid over each other.

    Args:
        frame_count: Length of the film.
        time_base: Seconds of one frame.
    """

    def __init__(self, frame_count: int, time_base: Fraction) -> None:
        self._graph = av.filter.Graph()
        self._frame_count = frame_count
        self._time_base = time_base
        self._inputs: list[tuple[FilterContext, Image.Image]] = []
        self._top: FilterContext | None = None

    def lay(self, image: Image.Image, movement: str) -> None:
        """Make *image* the base; *movement* is a ``crop`` filter that gives the frame's size."""
        name, _, arguments = movement.partition("=")
        crop = self._graph.add(name, arguments)
        self._still(image.convert("RGBA"), "yuv420p").link_to(crop)
        self._top = crop

    def overlay(self, layer: Layer) -> None:
        """Put *layer* over everything so far."""
        over = self._graph.add("overlay", f"x='{layer.x}':y='{layer.y}':format=yuv420")
        if self._top is None:
            raise ValueError("a layer needs a base below it")
        self._top.link_to(over, 0, 0)
        self._still(layer.image, "yuva420p").link_to(over, 0, 1)
        self._top = over

    def frames(self) -> Iterator[av.VideoFrame]:
        """The film; can be run once."""
        if self._top is None:
            raise ValueError("a film needs a base")
        end = self._graph.add("trim", f"end_frame={self._frame_count}")
        sink = self._graph.add("buffersink")
        self._top.link_to(end)
        end.link_to(sink)
        self._graph.configure()
        for source, image in self._inputs:
            source.push(self._frame(image))
            source.push(None)
        for frame in frames_from(self._graph):
            if isinstance(frame, av.VideoFrame):
                yield frame

    def _still(self, image: Image.Image, pixel_format: str) -> FilterContext:
        source = self._graph.add_buffer(
            width=image.width,
            height=image.height,
            format=av.VideoFormat("rgba"),
            time_base=self._time_base,
            name=f"layer{len(self._inputs)}",
        )
        shape = self._graph.add("format", pixel_format)
        repeat = self._graph.add("loop", f"loop={self._frame_count}:size=1:start=0")
        # The repeated frames would all carry the first one's time, and nothing would move.
        clock = self._graph.add("setpts", "N")
        source.link_to(shape)
        shape.link_to(repeat)
        repeat.link_to(clock)
        self._inputs.append((source, image))
        return clock

    def _frame(self, image: Image.Image) -> av.VideoFrame:
        # from_bytes, because from_image drops the transparency.
        frame = av.VideoFrame.from_bytes(image.tobytes(), image.width, image.height, format="rgba")
        frame.pts, frame.time_base = 0, self._time_base
        return frame
