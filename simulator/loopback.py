"""Which URLs stay on this machine."""

from __future__ import annotations

from reelqueue.loopback import is_loopback_url


def is_on_this_machine(url: str) -> bool:
    """Whether *url* is HTTP on this very machine, the only one that the simulator ever calls."""
    return url.lower().startswith(("http://", "https://")) and is_loopback_url(url)
