"""Requests and tokens per minute, per account and model."""

from __future__ import annotations

from simulator.config import Texts as TextConfig
from simulator.errors import WireError

_MINUTE_MS = 60_000


class MinuteLimits:
    """Counts in whole minutes of the clock. In memory: a restart takes longer than it matters."""

    def __init__(self) -> None:
        self._windows: dict[tuple[str, str], tuple[int, int, int]] = {}

    def take(self, owner: tuple[str, str], tokens: int, config: TextConfig, now_ms: int) -> None:
        """Count a request with so much input.

        Raises:
            WireError: The minute is used up.
        """
        minute = now_ms // _MINUTE_MS
        window, requests, used = self._windows.get(owner, (minute, 0, 0))
        if window != minute:
            requests, used = 0, 0
        if config.requests_per_minute is not None and requests >= config.requests_per_minute:
            raise WireError(429, "limit_requests", "You exceeded your current requests list.")
        if config.tokens_per_minute is not None and used + tokens > config.tokens_per_minute:
            raise WireError(429, "insufficient_quota", "You exceeded your current quota, please check your plan.")
        self._windows[owner] = (minute, requests + 1, used + tokens)

    def add(self, owner: tuple[str, str], tokens: int) -> None:
        """Count the tokens of an answer."""
        if owner in self._windows:
            window, requests, used = self._windows[owner]
            self._windows[owner] = (window, requests, used + tokens)
