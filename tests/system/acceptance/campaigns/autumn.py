"""A studio's campaign: a spreadsheet of products, a matrix of styles and ratios, and what goes wrong with them."""

from __future__ import annotations

import csv
from pathlib import Path
from typing import Final

from PIL import Image

GOOD_ROWS: Final = 40
CLIPS_A_ROW: Final = 3 * 2
"""Styles and ratios."""
CLIPS: Final = GOOD_ROWS * CLIPS_A_ROW
MODERATED_ROW: Final = "product-7"
BROKEN_ROW: Final = "product-23"
"""The provider fails at it each time."""
PICTURE_PX: Final = 340
"""Of noise, which nothing compresses: 115 kB, so that the clips are handed in by more than one batch."""

_MANIFEST: Final = """\
campaign:
  name: autumn
  budget: {budget}
  on_budget: finish
defaults:
  resolution: 720P
  duration: 2
  poll_interval_ms: 500
template:
  prompt: "{{{{ name }}}} on a marble table, {{{{ style.look }}}} {{{{ cue }}}}"
  negative_prompt: "text, people"
variables:
  cue: ""
matrix:
  style:
    - {{id: noir, look: film noir with hard shadows}}
    - {{id: water, look: loose watercolour}}
    - {{id: studio, look: soft studio light}}
  ratio: [16:9, 9:16]
file: products.csv
"""
_HEAD: Final = ("custom_id", "name", "model", "reference_urls", "cue", "duration")
_BAD: Final = (
    {"custom_id": "long", "name": "A cup", "model": "wan2.7-t2v", "duration": "99"},
    {"custom_id": "elsewhere", "name": "A cup", "model": "wan2.7-r2v", "reference_urls": "../secret.png"},
    {"custom_id": "product-1", "name": "A second one", "model": "wan2.7-t2v"},
)
BAD_ROWS: Final = len(_BAD)


def write_autumn(folder: Path, *, budget: str) -> Path:
    """The manifest, with the spreadsheet and the pictures that it names beside it."""
    pictures = folder / "pictures"
    pictures.mkdir()
    for number in range(2):
        Image.effect_noise((PICTURE_PX, PICTURE_PX), 90).save(pictures / f"{number}.png")
    with (folder / "products.csv").open("w", encoding="utf-8-sig", newline="") as stream:
        sheet = csv.DictWriter(stream, _HEAD, delimiter=";")
        sheet.writeheader()
        sheet.writerows([*(_good_row(number) for number in range(GOOD_ROWS)), *_BAD])
    manifest = folder / "autumn.yaml"
    set_budget(manifest, budget)
    return manifest


def set_budget(manifest: Path, budget: str) -> None:
    """Write the manifest with another budget."""
    manifest.write_text(_MANIFEST.format(budget=budget))


def _good_row(number: int) -> dict[str, str]:
    name = f"product-{number}"
    cue = {MODERATED_ROW: "[[blocked-input]]", BROKEN_ROW: "[[internal]]"}.get(name, "")
    row = {"custom_id": name, "name": f"A cup, number {number}", "model": "wan2.7-t2v", "cue": cue}
    if number % 2:
        row |= {"model": "wan2.7-r2v", "reference_urls": _reference(number)}
    return row


def _reference(number: int) -> str:
    """A picture beside the file, or a URL."""
    return "https://media.example.com/cup.png" if number % 8 == 1 else f"pictures/{number // 4 % 2}.png"
