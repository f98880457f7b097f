"""Reading what a filter graph produces."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

import av
import av.error
import av.filter

# A graph without input left says either, depending on which of its filters ended first.
_DRAINED: Final = (av.error.EOFError, av.error.BlockingIOError)


def frames_from(graph: av.filter.Graph) -> Iterator[av.AudioFrame | av.VideoFrame]:
    """Every frame of a configured graph whose inputs have ended."""
    while True:
        try:
            frame = graph.pull()
        except _DRAINED:
            return
        yield frame
