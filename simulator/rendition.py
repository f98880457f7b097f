"""From a wire body to the video that it describes."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from simulator.admission import Order
from simulator.tasks import ClipSpec


@dataclass(frozen=True, slots=True)
class Rendition:
    """A video to be made and its ``usage``."""

    clip: ClipSpec
    usage: dict[str, Any]


def plan_rendition(order: Order) -> Rendition:
    """What *order* asks for.

    Raises:
        TaskFailure: The parameters are not what the model takes.
    """
    parameters = order.body.get("parameters") or {}
    width, height = (int(n) for n in str(parameters.get("size", "1280*720")).split("*"))
    duration = parameters.get("duration", 5)
    clip = ClipSpec(width, height, float(duration), has_audio=True)
    usage = {"duration": duration, "size": f"{width}*{height}", "video_count": 1, "SR": min(width, height)}
    return Rendition(clip, usage)
