"""Rates: how many calls of a kind fit in one second or minute."""

from __future__ import annotations


class Throttle:
    """Counts calls per key in whole seconds, or minutes, of the clock.

    Fixed windows, because the service documents per-second and per-minute limits and nothing finer. Kept in memory: a
    restart takes longer than a window.
    """

    def __init__(self) -> None:
        self._windows: dict[str, tuple[int, int]] = {}

    def admits(self, key: str, limit: int, now_ms: int, *, window_ms: int = 1000) -> bool:
        """Count a call under *key*; False when its second, or longer window, is used up."""
        current = now_ms // window_ms
        window, used = self._windows.get(key, (current, 0))
        if window != current:
            used = 0
        if used >= limit:
            return False
        self._windows[key] = (current, used + 1)
        return True
