"""The six clips of the demo: every way to ask for a video, and every model that the product began with."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from embedded.demo.inputs import Inputs
from reelqueue import ImageToVideo, ReferenceToVideo, RenderRequest, TextToVideo

_POLL_INTERVAL_MS = 1000
"""Renders take seconds here, not minutes."""
_NEGATIVE_PROMPT = "blurry, text, watermark, extra limbs"


def make_clips(inputs: Inputs, upload: Callable[[Path, str], str]) -> list[RenderRequest]:
    """All six; each carries its name as ``custom_id``.

    Args:
        inputs: Local files.
        upload: Makes a URL of a file, for one model.
    """
    return [*_from_text(inputs, upload), *_from_images(inputs), *_from_references(inputs, upload)]


def _from_text(inputs: Inputs, upload: Callable[[Path, str], str]) -> list[RenderRequest]:
    boat = TextToVideo(
        model="wan2.6-t2v",
        prompt="A paper boat sails down a rainy street at night, neon reflections, slow dolly shot",
        negative_prompt=_NEGATIVE_PROMPT,
        audio_url=upload(inputs.melody, "wan2.6-t2v"),
        resolution="1280x720",
        duration=5,
        shot_type="multi",
        prompt_extend=True,
        custom_id="1-boat",
        poll_interval_ms=_POLL_INTERVAL_MS,
    )
    lighthouse = TextToVideo(
        model="wan2.5-t2v-preview",
        prompt="A lighthouse in a storm, waves break over the rocks",
        negative_prompt=_NEGATIVE_PROMPT,
        resolution="832x480",
        duration=5,
        seed=11,
        custom_id="2-lighthouse",
        poll_interval_ms=_POLL_INTERVAL_MS,
    )
    return [boat, lighthouse]


def _from_images(inputs: Inputs) -> list[RenderRequest]:
    silent = ImageToVideo(
        model="wan2.6-i2v-flash",
        prompt="The ship leaves the harbour, gulls circle",
        negative_prompt=_NEGATIVE_PROMPT,
        image=inputs.harbour,
        resolution="720P",
        duration=5,
        audio=False,
        custom_id="3-harbour-silent",
        poll_interval_ms=_POLL_INTERVAL_MS,
    )
    loud = ImageToVideo(
        model="wan2.6-i2v",
        prompt="The ship turns into the wind, the sail fills, sound of waves",
        negative_prompt=_NEGATIVE_PROMPT,
        image=inputs.harbour,
        resolution="720P",
        duration=5,
        custom_id="4-harbour-loud",
        poll_interval_ms=_POLL_INTERVAL_MS,
    )
    return [silent, loud]


def _from_references(inputs: Inputs, upload: Callable[[Path, str], str]) -> list[RenderRequest]:
    duet = ReferenceToVideo(
        model="wan2.6-r2v-flash",
        prompt="character1 teaches character2 to dance in a sunny meadow",
        negative_prompt=_NEGATIVE_PROMPT,
        reference_urls=(upload(inputs.fox, "wan2.6-r2v-flash"), upload(inputs.robot, "wan2.6-r2v-flash")),
        resolution="1280x720",
        duration=5,
        custom_id="5-duet",
        poll_interval_ms=_POLL_INTERVAL_MS,
    )
    solo = ReferenceToVideo(
        model="wan2.6-r2v",
        prompt="character1 reads a newspaper on a park bench and laughs",
        negative_prompt=_NEGATIVE_PROMPT,
        reference_urls=(upload(inputs.fox, "wan2.6-r2v"),),
        resolution="720x1280",
        duration=5,
        custom_id="6-solo",
        poll_interval_ms=_POLL_INTERVAL_MS,
    )
    return [duet, solo]
