"""Keeping a service alive: started again when it ends, later and later while it keeps ending."""

from __future__ import annotations

import time

from embedded.process import ChildProcess

_FIRST_DELAY_SECONDS = 0.5
_LONGEST_DELAY_SECONDS = 30.0
# A run of this length was a good one: the next end starts with the first delay again.
_GOOD_RUN_SECONDS = 60.0


class KeptAlive:
    """One child that should live; ask :meth:`look` often, from the main thread."""

    def __init__(self, child: ChildProcess) -> None:
        self.child = child
        self.restart_count = 0
        self._delay_seconds = _FIRST_DELAY_SECONDS
        self._started_at = time.monotonic()
        self._restart_at: float | None = None

    def look(self) -> str | None:
        """Notice an end, or start it again when its delay is over; the sentence says what was noticed."""
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

    def _notice(self, now: float) -> str:
        if now - self._started_at > _GOOD_RUN_SECONDS:
            self._delay_seconds = _FIRST_DELAY_SECONDS
        delay_seconds, self._delay_seconds = self._delay_seconds, min(2 * self._delay_seconds, _LONGEST_DELAY_SECONDS)
        self._restart_at = now + delay_seconds
        return (
            f"{self.child.command.name} ended with exit code {self.child.exit_code}; "
            f"it starts again in {delay_seconds:g} s; read {self.child.log_path}"
        )
