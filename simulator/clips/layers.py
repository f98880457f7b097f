"""The still parts of a clip, and how each of them moves."""

from __future__ import annotations

import colorsys
import hashlib
from dataclasses import dataclass
from random import Random
from typing import Final

from PIL import Image, ImageDraw, ImageFilter, ImageOps

from simulator.clips.scene import Scene
from simulator.clips.text import clean, font_for, wrap

Rgb = tuple[int, int, int]

_INK: Final = (245, 245, 250, 255)
_FAINT_INK: Final = (245, 245, 250, 170)
_PANEL: Final = (8, 10, 20, 165)
PAN: Final = 1.12
"""How much larger than the frame a moving first frame is."""


@dataclass(frozen=True, slots=True)
class Layer:
    """A picture with transparency, and its place as FFmpeg overlay expressions of ``t`` (seconds)."""

    image: Image.Image
    x: str
    y: str


@dataclass(frozen=True, slots=True)
class Card:
    """A reference as it is shown."""

    label: str
    origin: str
    """Where the picture lies; drawn in its place when it cannot be seen from here."""
    picture: Image.Image | None


def random_for(scene: Scene) -> Random:
    """Randomness that is the same whenever the same scene is drawn."""
    seed = f"{scene.caption}|{scene.footer}".encode("utf-8", "surrogatepass")
    return Random(hashlib.sha256(seed).digest())  # noqa: S311 - colours


def palette(random: Random) -> list[Rgb]:
    """Four colours that go together."""
    hue = random.random()
    steps = ((0.0, 0.2, 0.55), (0.07, 0.36, 0.5), (0.13, 0.48, 0.5), (0.55, 0.66, 0.6))
    return [_rgb(hue + turn, lightness, saturation) for turn, lightness, saturation in steps]


def backdrop(width: int, height: int, colours: list[Rgb]) -> Image.Image:
    """A soft gradient. Drawn small and enlarged: at full size it would cost more than the encoding."""
    small = Image.new("RGB", (2, 2))
    for position, colour in zip(((0, 0), (1, 0), (1, 1), (0, 1)), (*colours[:3], colours[1]), strict=True):
        small.putpixel(position, colour)
    return small.resize((width, height), Image.Resampling.BICUBIC)


def filling(picture: Image.Image, width: int, height: int) -> Image.Image:
    """*picture* cut to cover the frame and a margin, along which it is panned."""
    return ImageOps.fit(picture, (round(width * PAN), round(height * PAN)), Image.Resampling.LANCZOS)


def discs(scene_px: int, colours: list[Rgb], random: Random) -> list[Layer]:
    """Soft discs on closed paths, so that every clip visibly moves."""
    layers = []
    for colour in (colours[3], colours[2], _rgb(random.random(), 0.8, 0.5)):
        radius = round(scene_px * random.uniform(0.09, 0.19))
        period, phase = random.uniform(4, 7), random.uniform(0, 6.28)
        x = f"(W-w)/2+(W-w)*0.46*sin(2*PI*t/{period:.2f}+{phase:.2f})"
        y = f"(H-h)*0.42+(H-h)*0.34*cos(2*PI*t/{period * 0.7:.2f}+{phase:.2f})"
        layers.append(Layer(_disc(radius, colour), x, y))
    return layers


def progress_bar(scene: Scene, width: int, height: int) -> Layer:
    """A bar along the lower edge that is as long as the clip is old."""
    bar = Image.new("RGBA", (width, max(height // 90, 2)), (255, 255, 255, 210))
    return Layer(bar, f"-w+W*(t+{1 / scene.frames_per_second:.5f})/{scene.duration_seconds:.3f}", "H-h")


def caption_panel(scene: Scene, width: int, height: int) -> Layer:
    """The prompt and the model's name on a dark panel."""
    size_px = max(round(min(width, height) / 21), 8)
    text, footer = clean(scene.caption), clean(scene.footer)
    font, small = font_for(text, size_px), font_for(footer, max(round(size_px * 0.66), 7))
    lines = wrap(text, font, width * 0.86, 4)
    margin, step = size_px, round(size_px * 1.35)
    panel = Image.new("RGBA", (round(width * 0.94), round(margin * 1.5) + step * len(lines) + size_px), (0, 0, 0, 0))
    pen = ImageDraw.Draw(panel)
    pen.rounded_rectangle((0, 0, panel.width - 1, panel.height - 1), size_px * 0.6, fill=_PANEL)
    for row, line in enumerate(lines):
        pen.text((margin, margin * 0.8 + step * row), line, font=font, fill=_INK)
    pen.text((margin, margin + step * len(lines)), footer, font=small, fill=_FAINT_INK)
    return Layer(panel, "(W-w)/2", f"H-h-{round(height * 0.05)}")


def cards(pictures: list[Card], width: int, height: int) -> list[Layer]:
    """References side by side as labelled cards that bob slowly."""
    if not pictures:
        return []
    pitch_px = round(width * 0.9 / len(pictures))
    side_px = round(min(pitch_px * 0.92, height * 0.5))
    left_px = (width - pitch_px * len(pictures)) // 2 + (pitch_px - side_px) // 2
    return [
        Layer(_draw_card(card, side_px), str(left_px + pitch_px * number), f"H*0.07+H*0.02*(1+sin(2*PI*t/3+{number}))")
        for number, card in enumerate(pictures)
    ]


def _draw_card(card: Card, side_px: int) -> Image.Image:
    border_px, label_px = max(side_px // 24, 2), max(side_px // 9, 8)
    inner = (max(side_px - 2 * border_px, 2), max(side_px - 2 * border_px - label_px, 2))
    sheet = Image.new("RGBA", (side_px, side_px), (0, 0, 0, 0))
    pen = ImageDraw.Draw(sheet)
    pen.rounded_rectangle((0, 0, side_px - 1, side_px - 1), border_px * 2, fill=(250, 250, 252, 240))
    shown = _placeholder(inner, card.origin)
    if card.picture is not None:
        shown = ImageOps.fit(card.picture, inner, Image.Resampling.LANCZOS)
    sheet.paste(shown, (border_px, border_px))
    font = font_for(card.label, max(round(label_px * 0.72), 7))
    pen.text(
        (side_px / 2, side_px - label_px / 2 - border_px / 2), card.label, font=font, fill=(20, 24, 40), anchor="mm"
    )
    return sheet


def _placeholder(size: tuple[int, int], origin: str) -> Image.Image:
    """What stands for a picture that the simulator does not fetch."""
    image = Image.new("RGB", size, (196, 202, 214))
    pen = ImageDraw.Draw(image)
    step = max(size[0] // 8, 6)
    for start in range(-size[1], size[0], step):
        pen.line((start, size[1], start + size[1], 0), fill=(176, 184, 200), width=max(step // 4, 1))
    font = font_for(origin, max(size[0] // 14, 7))
    for row, line in enumerate(wrap(clean(origin), font, size[0] * 0.9, 3)):
        place = (size[0] / 2, size[1] * (0.42 + 0.11 * row))
        pen.text(place, line, font=font, fill=(70, 78, 102), anchor="mm", align="center")
    return image


def _disc(radius: int, colour: Rgb) -> Image.Image:
    edge = max(radius // 4, 1)
    mask = Image.new("L", ((radius + edge) * 2, (radius + edge) * 2), 0)
    ImageDraw.Draw(mask).ellipse((edge, edge, edge + 2 * radius, edge + 2 * radius), fill=185)
    image = Image.new("RGBA", mask.size, (*colour, 0))
    image.putalpha(mask.filter(ImageFilter.GaussianBlur(edge / 2)))
    return image


def _rgb(hue: float, lightness: float, saturation: float) -> Rgb:
    red, green, blue = colorsys.hls_to_rgb(hue % 1, lightness, saturation)
    return round(red * 255), round(green * 255), round(blue * 255)
