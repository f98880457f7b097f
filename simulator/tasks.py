"""A simulated task: what was asked, what was decided about it, and how far it is."""

from __future__ import annotations

from dataclasses import dataclass, field
from decimal import Decimal
from enum import StrEnum
from typing import Any, Final


class TaskStatus(StrEnum):
    """DashScope's words for a task."""

    PENDING = "PENDING"
    """Waits for a slot."""
    RUNNING = "RUNNING"
    SUCCEEDED = "SUCCEEDED"
    FAILED = "FAILED"
    CANCELED = "CANCELED"
    UNKNOWN = "UNKNOWN"
    """Never existed, expired, or belongs to another account."""


TERMINAL: Final = frozenset({TaskStatus.SUCCEEDED, TaskStatus.FAILED, TaskStatus.CANCELED})
"""Statuses that never change again."""


@dataclass(frozen=True, slots=True)
class ClipSpec:
    """The file that a succeeded task offers."""

    width: int
    height: int
    duration_seconds: float
    has_audio: bool
    frames_per_second: int = 24
    follows_picture: bool = False
    """The aspect comes from the first frame; width and height then only say how many pixels there are."""


@dataclass(frozen=True, slots=True)
class Outcome:
    """How a task will end. Decided at the submit, seen when its run time is over."""

    run_seconds: float
    """Before the time scale."""
    queue_seconds: float = 0.0
    """Extra time in PENDING, before the time scale."""
    code: str | None = None
    """Error code; ``None`` when the task succeeds."""
    message: str | None = None
    clip: ClipSpec | None = None
    """Set when the task succeeds."""
    usage: dict[str, Any] = field(default_factory=dict)
    """The answer's ``usage`` when the task succeeds."""
    tier: str = ""
    """``720P``: what the price depends on."""
    amount: str | None = None
    """What it is billed, by the prices of its submit; ``None`` when no price is known."""
    actual_prompt: str | None = None
    """The rewritten prompt, for the generations that show it."""

    @property
    def billed_seconds(self) -> Decimal:
        """What the bill counts: input and output seconds as ``usage`` states them."""
        return Decimal(str(self.usage.get("duration", self.usage.get("video_duration", 0))))

    @property
    def status(self) -> TaskStatus:
        """SUCCEEDED or FAILED."""
        return TaskStatus.FAILED if self.clip is None else TaskStatus.SUCCEEDED


@dataclass(frozen=True, slots=True)
class Task:
    """One accepted submit."""

    task_id: str
    request_id: str
    """Of the submit; the listing shows it."""
    account: str
    model: str
    body: dict[str, Any]
    """As received, except that data URIs became ``blob:`` names of stored media."""
    outcome: Outcome
    submitted_ms: int
    ready_ms: int
    """Earliest start."""
    status: TaskStatus = TaskStatus.PENDING
    scheduled_ms: int | None = None
    """When it got its slot."""
    ends_ms: int | None = None
    """When it ends, or was cancelled; known as soon as it has a slot."""
    sequence: int = 0
    """Order of submission over all accounts."""

    @property
    def api_unique_key(self) -> str:
        """How lists and events name the API that made it."""
        group = "image2video" if "kf2v" in self.model else "video-generation"
        return f"apikey:v1:aigc:{group}:video-synthesis:{self.model}"

    @property
    def prompt(self) -> str:
        """The prompt as sent, empty when there was none."""
        text = self.body.get("input", {}).get("prompt")
        return text if isinstance(text, str) else ""
