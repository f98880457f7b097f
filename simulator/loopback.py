"""Which URLs stay on this machine."""

from __future__ import annotations

from urllib.parse import urlsplit

from reelqueue.loopback import is_loopback


def is_on_this_machine(url: str) -> bool:
    """Whether *url* is HTTP on this very machine, the only one that the simulator ever calls."""
    try:
        parts = urlsplit(url)
        return parts.scheme in {"http", "https"} and is_loopback(parts.hostname or "")
    except ValueError:
        return False
