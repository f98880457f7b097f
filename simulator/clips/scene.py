"""What a clip shows."""

from __future__ import annotations

from dataclasses import dataclass

from simulator.config import Clips
from simulator.tasks import Task


@dataclass(frozen=True, slots=True)
class Picture:
    """A frame or reference of the request."""

    label: str
    content: bytes | None
    """Encoded image or video; ``None`` when it lies where the simulator does not look."""
    address: str
    """A URL to load it from when there is no content: loopback only."""


@dataclass(frozen=True, slots=True)
class Scene:
    """Everything that decides a clip's bytes."""

    width: int
    height: int
    duration_seconds: float
    has_audio: bool
    frames_per_second: int
    caption: str
    footer: str
    pictures: tuple[Picture, ...]
    follows_picture: bool


def scene_of(task: Task, settings: Clips) -> Scene:
    """The scene of a succeeded task under the present settings."""
    clip = task.outcome.clip
    if clip is None:
        raise ValueError(f"task {task.task_id} has no clip: it is {task.outcome.status}")
    return Scene(
        width=settings.width or clip.width,
        height=settings.height or clip.height,
        duration_seconds=settings.seconds or clip.duration_seconds,
        has_audio=clip.has_audio,
        frames_per_second=settings.frames_per_second,
        caption=task.prompt,
        footer=task.model,
        pictures=(),
        follows_picture=False,
    )
