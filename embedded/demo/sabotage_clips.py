"""Twenty-four clips for a stack that is being sabotaged: enough to have many in every state at any moment."""

from __future__ import annotations

import itertools
from typing import Final

from reelqueue import RenderRequest, TextToVideo

SERIES_COUNT: Final = 24
_WHO: Final = (
    "A paper boat",
    "A clockwork owl",
    "An old tram",
    "A red kite",
    "A snail with a lantern",
    "A brass whale",
)
_WHERE: Final = (
    "crosses a flooded library",
    "climbs a spiral of stairs",
    "leaves a harbour at dawn",
    "circles a tower",
)
_SIZES: Final = {"wan2.6-t2v": "1280x720", "wan2.5-t2v-preview": "832x480"}
_POLL_INTERVAL_MS: Final = 1000


def make_series() -> list[RenderRequest]:
    """All of them, no two with the same prompt; each carries its number as ``custom_id``."""
    scenes = enumerate(itertools.product(_WHERE, _WHO), start=1)
    return [_clip(number, f"{who} {where}, film grain") for number, (where, who) in scenes]


def _clip(number: int, prompt: str) -> RenderRequest:
    model = list(_SIZES)[number % len(_SIZES)]
    return TextToVideo(
        model=model,
        prompt=prompt,
        resolution=_SIZES[model],
        duration=5,
        custom_id=f"clip-{number:02}",
        poll_interval_ms=_POLL_INTERVAL_MS,
    )
