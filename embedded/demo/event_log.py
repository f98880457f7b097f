"""A line for each thing that breaks or heals: when, how far the clips are, and what happened."""

from __future__ import annotations

import time
from collections.abc import Sequence
from enum import StrEnum

from rich.console import Console
from rich.text import Text

from reelqueue.schemas.jobs import Job
from reelqueue.states import RenderState


class Mark(StrEnum):
    """What a line is about."""

    BROKEN = "✗"
    HEALED = "✓"
    NOTED = "·"


_STYLES = {Mark.BROKEN: "bold red", Mark.HEALED: "green", Mark.NOTED: "dim"}


class Journal:
    """Lines only, so that it reads the same on a terminal, in a log and on a picture."""

    def __init__(self, console: Console, wanted_count: int) -> None:
        """Begin to count the seconds."""
        self._console = console
        self._wanted_count = wanted_count
        self._began_seconds = time.monotonic()

    def seconds(self) -> float:
        """Since it began."""
        return time.monotonic() - self._began_seconds

    def say(self, jobs: Sequence[Job], mark: Mark, what: str) -> None:
        """Write a line.

        Args:
            jobs: As they stand now.
            mark: What the line is about.
            what: What happened.
        """
        succeeded = sum(job.state is RenderState.SUCCEEDED for job in jobs)
        line = Text().append(f"{self.seconds():5.1f} s  {succeeded:>2}/{self._wanted_count}  ", "dim")
        self._console.print(line.append(f"{mark} {what}", _STYLES[mark]), soft_wrap=True)
