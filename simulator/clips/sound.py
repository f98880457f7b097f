"""A soft repeating chord, so that ears can tell that a clip has sound."""

from __future__ import annotations

from collections.abc import Iterator
from random import Random
from typing import Final

import av
import av.filter

from simulator.clips.filter_output import frames_from

SAMPLE_RATE_HZ: Final = 48_000
_ROOTS_HZ: Final = (196.0, 220.0, 246.9, 261.6, 293.7)


def chord_frames(duration_seconds: float, random: Random) -> Iterator[av.AudioFrame]:
    """Stereo samples for the whole length of a clip."""
    root_hz = random.choice(_ROOTS_HZ)
    tones = "+".join(f"sin(2*PI*{root_hz * ratio:.2f}*t)" for ratio in (1, 1.25, 1.5))
    # A new stroke every second that dies away, quiet enough for a demo in an office.
    stroke = f"0.07*({tones})*exp(-2.5*t)*min(1,t*60)"
    graph = av.filter.Graph()
    chain = (
        graph.add("aevalsrc", f"exprs='{stroke}|{stroke}':s={SAMPLE_RATE_HZ}:d=1"),
        graph.add("aloop", f"loop=-1:size={SAMPLE_RATE_HZ}"),
        graph.add("atrim", f"end={duration_seconds:.3f}"),
        graph.add("aformat", "sample_fmts=fltp:channel_layouts=stereo"),
        graph.add("abuffersink"),
    )
    graph.link_nodes(*chain).configure()
    for frame in frames_from(graph):
        if isinstance(frame, av.AudioFrame):
            yield frame
