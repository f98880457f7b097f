"""Clips on disk: each is drawn once, when it is first downloaded."""

from __future__ import annotations

import asyncio
import hashlib
import json
import os
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict
from pathlib import Path
from typing import Final

from simulator.clips.scene import Scene, scene_of
from simulator.config import Clips
from simulator.media import stored_content
from simulator.store.media import MediaTable
from simulator.tasks import Task

_DRAWERS: Final = 2
"""Clips drawn at a time. Threads, because the encoder works outside the interpreter's lock, and because a
killed process takes its threads along but may leave a worker process behind."""


class ClipLibrary:
    """Finds the file of a task, drawing it first when it is missing."""

    def __init__(self, folder: Path, media: MediaTable) -> None:
        self._folder = folder
        self._media = media
        self._drawers = ThreadPoolExecutor(_DRAWERS, thread_name_prefix="clip")
        self._drawing: dict[Path, asyncio.Future[None]] = {}

    async def file(self, task: Task, settings: Clips) -> Path:
        """The mp4 file of a succeeded task."""
        scene = scene_of(task, settings)
        path = self._folder / f"{_digest(scene)}.mp4"
        if not path.exists():
            await self._draw(scene, path)
        return path

    def close(self) -> None:
        """Stop after the clips that are being drawn."""
        self._drawers.shutdown(wait=False, cancel_futures=True)

    async def _draw(self, scene: Scene, path: Path) -> None:
        if path not in self._drawing:
            self._drawing[path] = asyncio.get_running_loop().run_in_executor(
                self._drawers, _draw_file, scene, self._contents(scene), path
            )
        try:
            # Shielded: others wait for the same clip, so one that hangs up must not take it from them.
            await asyncio.shield(self._drawing[path])
        finally:
            if self._drawing.get(path) and self._drawing[path].done():
                del self._drawing[path]

    def _contents(self, scene: Scene) -> dict[str, bytes]:
        """The bytes of pictures that were handed over; read here because the drawers have no database."""
        found = ((picture.source, stored_content(picture.source, self._media)) for picture in scene.pictures)
        return {source: content for source, content in found if content is not None}


def _digest(scene: Scene) -> str:
    text = json.dumps(asdict(scene), sort_keys=True)
    return hashlib.sha256(text.encode("utf-8", "surrogatepass")).hexdigest()[:32]


def _draw_file(scene: Scene, contents: dict[str, bytes], path: Path) -> None:
    from simulator.clips.encoder import draw_film

    path.parent.mkdir(parents=True, exist_ok=True)
    unfinished = path.with_suffix(f".{os.getpid()}.part")
    draw_film(scene, contents, unfinished)
    unfinished.replace(path)
