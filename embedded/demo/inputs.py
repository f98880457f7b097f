"""What the demo's clips are made from: pictures and a sound, drawn here so that nothing is fetched."""

from __future__ import annotations

import math
import wave
from array import array
from dataclasses import dataclass
from pathlib import Path

from PIL import Image, ImageDraw

_SAMPLES_PER_SECOND = 16_000
_SOUND_SECONDS = 3  # the shortest that the models take
_LOUDNESS = 8_000
_NOTES_HZ = (262, 330, 392)


@dataclass(frozen=True)
class Inputs:
    """Local files."""

    harbour: Path
    """A first frame, 1280 x 720."""
    fox: Path
    """A character, 512 x 512."""
    robot: Path
    """Another character, 512 x 512."""
    melody: Path
    """Three notes, 3 s."""


def make_inputs(folder: Path) -> Inputs:
    """Draw every input into a folder."""
    folder.mkdir(parents=True, exist_ok=True)
    inputs = Inputs(folder / "harbour.png", folder / "fox.png", folder / "robot.png", folder / "melody.wav")
    _harbour().save(inputs.harbour)
    _fox().save(inputs.fox)
    _robot().save(inputs.robot)
    _write_melody(inputs.melody)
    return inputs


def _harbour() -> Image.Image:
    image = Image.new("RGB", (1280, 720), "#f4b183")
    draw = ImageDraw.Draw(image)
    draw.ellipse((560, 210, 760, 410), fill="#fff2cc")
    draw.rectangle((0, 400, 1280, 720), fill="#2f5597")
    draw.polygon([(420, 470), (860, 470), (800, 560), (480, 560)], fill="#7f3f1f")
    draw.polygon([(640, 180), (640, 450), (820, 450)], fill="#ffffff")
    return image


def _fox() -> Image.Image:
    image = Image.new("RGB", (512, 512), "#e2f0d9")
    draw = ImageDraw.Draw(image)
    draw.polygon([(120, 90), (230, 190), (120, 260)], fill="#c55a11")
    draw.polygon([(392, 90), (282, 190), (392, 260)], fill="#c55a11")
    draw.polygon([(110, 200), (402, 200), (256, 440)], fill="#ed7d31")
    draw.ellipse((190, 240, 220, 270), fill="#000000")
    draw.ellipse((292, 240, 322, 270), fill="#000000")
    draw.ellipse((238, 400, 274, 436), fill="#000000")
    return image


def _robot() -> Image.Image:
    image = Image.new("RGB", (512, 512), "#deebf7")
    draw = ImageDraw.Draw(image)
    draw.rectangle((140, 160, 372, 400), fill="#8497b0", outline="#44546a", width=8)
    draw.ellipse((190, 220, 240, 270), fill="#ffd966")
    draw.ellipse((272, 220, 322, 270), fill="#ffd966")
    draw.rectangle((200, 320, 312, 345), fill="#44546a")
    draw.line((256, 160, 256, 90), fill="#44546a", width=8)
    draw.ellipse((236, 60, 276, 100), fill="#ff0000")
    return image


def _write_melody(path: Path) -> None:
    samples = array("h")
    for number in range(_SAMPLES_PER_SECOND * _SOUND_SECONDS):
        note_hz = _NOTES_HZ[number // _SAMPLES_PER_SECOND % len(_NOTES_HZ)]
        samples.append(round(_LOUDNESS * math.sin(2 * math.pi * note_hz * number / _SAMPLES_PER_SECOND)))
    with wave.open(str(path), "wb") as file:
        file.setnchannels(1)
        file.setsampwidth(2)
        file.setframerate(_SAMPLES_PER_SECOND)
        file.writeframes(samples.tobytes())
