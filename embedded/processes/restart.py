"""Keeping a service alive: started again when it ends, later and later while it keeps ending."""

from __future__ import annotations

import time
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from embedded.processes.child_process import ChildProcess
from reelqueue.backoff import Backoff

BACKOFF: Final = Backoff(first_seconds=0.5, longest_seconds=30)
# A run of this length was a good one: the next end starts with the first delay again.
_GOOD_RUN_SECONDS = 60.0


@dataclass(frozen=True)
class Ending:
    """A service has ended and will be started again; its text says so."""

    name: str
    exit_code: int | None
    """Negative for a signal."""
    restart_delay_seconds: float
    log_path: Path

    def __str__(self) -> str:
        return (
            f"{self.name} ended with exit code {self.exit_code}; "
            f"it starts again in {self.restart_delay_seconds:g} s; read {self.log_path}"
        )


class KeptAlive:
    """One child that is restarted when it ends; call :meth:`look` often, from the main thread."""

    def __init__(self, child: ChildProcess) -> None:
        self.child = child
        self.restart_count = 0
        self._early_ends = 0
        self._started_at = time.monotonic()
        self._restart_at: float | None = None

    def look(self) -> Ending | None:
        """Notice an end, and give it; or start the child again when its delay is over."""
        if self.child.is_running:
            return None
        now = time.monotonic()
        if self._restart_at is None:
            return self._notice(now)
        if now >= self._restart_at:
            self._restart_at = None
            self._started_at = now
            self.restart_count += 1
            self.child.start()
        return None

    def _notice(self, now: float) -> Ending:
        if now - self._started_at > _GOOD_RUN_SECONDS:
            self._early_ends = 0
        self._early_ends += 1
        delay_seconds = BACKOFF.delay(self._early_ends)
        self._restart_at = now + delay_seconds
        return Ending(self.child.command.name, self.child.exit_code, delay_seconds, self.child.log_path)
