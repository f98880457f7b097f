"""Galleries of made-up clips, and the few small files behind them."""

from __future__ import annotations

import shutil
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path
from typing import Any

import av
from PIL import Image

from api.gallery.static_export import static_page
from api.gallery.tiles import Clip, Event, Gallery, Money, Picture, Reference, Summary, Tile, Try, Why
from reelqueue.states import RenderState

MADE_AT = datetime(2026, 11, 23, 6, 30, tzinfo=UTC)
PLACES = ("harbour", "dunes", "ridge")
WIDTH_PX, HEIGHT_PX = 320, 180


@dataclass(frozen=True)
class Stock:
    """A folder with one video and one poster, which all clips share."""

    folder: Path

    def path(self, key: str) -> Path:
        """The file with a key."""
        return self.folder / key

    def poster(self, tile: Tile) -> bytes | None:
        """A tile's poster."""
        return self.path(tile.poster.url).read_bytes() if tile.poster else None


def make_stock(folder: Path) -> Stock:
    """A second of video, and its poster."""
    picture = Image.linear_gradient("L").resize((WIDTH_PX, HEIGHT_PX)).convert("RGB")
    picture.save(folder / "clip.jpg")
    with av.open(str(folder / "clip.mp4"), "w") as container:
        stream = container.add_stream("libx264", rate=8)
        stream.width, stream.height, stream.pix_fmt = WIDTH_PX, HEIGHT_PX, "yuv420p"
        for _ in range(8):
            for packet in stream.encode(av.VideoFrame.from_image(picture)):  # type: ignore[no-untyped-call]
                container.mux(packet)
        for packet in stream.encode():
            container.mux(packet)
    return Stock(folder)


def tile_id(index: int) -> str:
    """The id of a tile."""
    return f"0199c0de-0000-7000-8000-{index:012x}"


def rendered(index: int = 0, **changes: Any) -> Tile:
    """A clip that succeeded."""
    known: dict[str, Any] = {
        "id": tile_id(index),
        "name": f"{PLACES[index % 3]}-{index}",
        "state": RenderState.SUCCEEDED,
        "model": "wan2.6-t2v",
        "mode": "text-to-video",
        "prompt": f"a paper boat in the {PLACES[index % 3]}",
        "negative_prompt": "rain",
        "actual_prompt": "a paper boat, cinematic",
        "seed": 7 + index,
        "asked": {"duration": 5},
        "variables": {"place": PLACES[index % 3]},
        "references": [Reference(role="image", url="https://media.test/boat.png")],
        "poster": Picture(url="clip.jpg", width_px=WIDTH_PX, height_px=HEIGHT_PX),
        "clip": Clip(url="clip.mp4", duration_seconds=Decimal("1.000"), width_px=WIDTH_PX, height_px=HEIGHT_PX),
        "spent": [Money(amount=Decimal("0.5000"), currency="USD")],
        "billed_seconds": Decimal(5),
        "provider_task_id": "task-1",
        "tries": [Try(number=1, state="accepted", at=MADE_AT, http_status=200)],
        "events": [Event(at=MADE_AT, words="saving → done (bytes 9)")],
    }
    return Tile(**known | changes)


def moderated(index: int = 0, **changes: Any) -> Tile:
    """A clip that the content filter refused."""
    why = Why(failure_class="moderation", code="DataInspectionFailed", message="the content filter refused the output")
    known = {"state": RenderState.MODERATED, "why": why, "poster": None, "clip": None, "spent": ()}
    return rendered(index, **known | changes)


def clips(count: int) -> Iterator[Tile]:
    """Clips of which every tenth, from the fourth on, was refused."""
    for index in range(count):
        yield moderated(index) if index % 10 == 3 else rendered(index)


def gallery(tiles: Sequence[Tile], **changes: Any) -> Gallery:
    """A page of all tiles of a campaign."""
    summary = Summary(by_state=Counter(tile.state for tile in tiles))
    known = {"id": "autumn", "title": "Autumn", "summary": summary, "tiles": tiles, "made_at": MADE_AT}
    return Gallery(**known | changes)


def export(folder: Path, tiles: Sequence[Tile], stock: Stock) -> str:
    """A gallery in a folder, as somebody fetches it; the URL of its first page."""
    page = static_page(replace(gallery(tiles), tiles=()), tiles, 1, is_last=True)
    (folder / page.file_name).write_text(page.html)
    for file in page.files:
        (folder / file.path).parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(stock.path(file.url), folder / file.path)
    return (folder / page.file_name).as_uri()
