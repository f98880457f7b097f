"""The passing of time on this host: what pauses, time limits and event loops go by.

It is never written down: what is written down is told by the database's clock. One object holds all of it, so that
a test can let years pass in a second.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Coroutine
from typing import Any, Final, TypeVar

T = TypeVar("T")

# Goes on while the process is stopped or, where the system can tell, the host sleeps.
_UNINTERRUPTED: Final = getattr(time, "CLOCK_BOOTTIME", time.CLOCK_MONOTONIC)


class HostClock:
    """The machine that this process runs on."""

    def seconds(self) -> float:
        """Seconds since some moment, also those in which this process or its host stood still."""
        return time.clock_gettime(_UNINTERRUPTED)

    def sleep(self, seconds: float) -> None:
        """Let time pass."""
        time.sleep(seconds)

    def run(self, main: Coroutine[Any, Any, T]) -> T:
        """Run the asynchronous part of a step in an event loop of its own."""
        return asyncio.run(main)
