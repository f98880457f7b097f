"""What a clip shows."""

from __future__ import annotations

import math
from collections import Counter
from dataclasses import dataclass
from typing import Final

from simulator.config import Clips
from simulator.core.prompt_directives import without_markers
from simulator.references import Reference, references_of
from simulator.tasks import Task

_CAPTION_CHARACTERS: Final = 600
_PICTURES: Final = 6
"""More would be too small to recognise."""


@dataclass(frozen=True, slots=True)
class Picture:
    """A frame or reference of the request."""

    label: str
    role: str
    source: str
    """A URL, an ``oss://`` link or the ``blob:`` name of stored bytes."""


@dataclass(frozen=True, slots=True)
class Scene:
    """Everything that decides a clip."""

    width: int
    height: int
    follows_picture: bool
    """The first frame's aspect decides; width times height then only says how many pixels there are."""
    duration_seconds: float
    has_audio: bool
    frames_per_second: int
    caption: str
    """The prompt."""
    footer: str
    pictures: tuple[Picture, ...]

    def shaped_like(self, width: int, height: int) -> tuple[int, int]:
        """The number of pixels of this scene in the aspect of a picture, in whole blocks of 16."""
        aspect = min(max(width / height, 1 / 8), 8)
        area = self.width * self.height
        return _blocks(math.sqrt(area * aspect)), _blocks(math.sqrt(area / aspect))


def scene_of(task: Task, settings: Clips) -> Scene:
    """The scene of a succeeded task under the present settings."""
    clip = task.outcome.clip
    if clip is None:
        raise ValueError(f"task {task.task_id} has no clip: its outcome is {task.outcome.status}")
    # At load-test sizes nothing can be read, so all tasks of one length share one file.
    is_tiny = settings.width is not None and settings.height is not None
    return Scene(
        width=settings.width or clip.width,
        height=settings.height or clip.height,
        follows_picture=clip.follows_picture and not is_tiny,
        duration_seconds=settings.seconds or clip.duration_seconds,
        has_audio=clip.has_audio,
        frames_per_second=settings.frames_per_second or clip.frames_per_second,
        caption="" if is_tiny else without_markers(task.prompt)[:_CAPTION_CHARACTERS],
        footer="" if is_tiny else f"{task.model}  ·  simulated",
        pictures=() if is_tiny else _pictures(task),
    )


def _pictures(task: Task) -> tuple[Picture, ...]:
    visible = [one for one in references_of(task.body) if one.is_visible][:_PICTURES]
    counts: Counter[str] = Counter()
    pictures: list[Picture] = []
    for reference in visible:
        counts[reference.role] += 1
        label = _label(reference, len(pictures) + 1, counts[reference.role], task.model)
        pictures.append(Picture(label, reference.role, reference.url))
    return tuple(pictures)


def _label(reference: Reference, position: int, count: int, model: str) -> str:
    """What the prompt calls it: Wan 2.6 counts characters, later models count images and videos."""
    if not reference.role.startswith("reference_"):
        return reference.role.replace("_", " ")
    if model.startswith("wan2.6"):
        return f"character{position}"
    return f"{'Video' if reference.role == 'reference_video' else 'Image'} {count}"


def _blocks(pixels: float) -> int:
    return max(round(pixels / 16), 1) * 16
