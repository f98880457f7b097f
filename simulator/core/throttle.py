"""Rates: how many calls of a kind fit in one second."""

from __future__ import annotations


class Throttle:
    """Counts calls per key in whole seconds of the clock.

    Fixed windows, because the service documents per-second enforcement and nothing finer. Kept in memory: a
    restart takes longer than a window.
    """

    def __init__(self) -> None:
        self._windows: dict[str, tuple[int, int]] = {}

    def admits(self, key: str, limit: int, now_ms: int) -> bool:
        """Count a call under *key*; False when its second is used up."""
        second = now_ms // 1000
        window, used = self._windows.get(key, (second, 0))
        if window != second:
            used = 0
        if used >= limit:
            return False
        self._windows[key] = (second, used + 1)
        return True
