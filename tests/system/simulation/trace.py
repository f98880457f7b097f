"""The decisions of a seed in the order in which they were made, for people."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from typing import Final
from uuid import UUID

from tests.support.virtual_clock import START, VirtualClock

_ID: Final = re.compile(r"[0-9a-f]{8}-[0-9a-f]{4}-7[0-9a-f]{3}-[0-9a-f]{4}-[0-9a-f]{12}")
_TEMPORARY: Final = re.compile(r"'?/\S*/\.incoming/\S+")


class SerialIds:
    """UUIDv7 by virtual time and in order, so that a seed's rows are the same every time."""

    def __init__(self, clock: VirtualClock) -> None:
        self._clock = clock
        self._count = 0

    def __call__(self) -> UUID:
        """The next one."""
        self._count += 1
        milliseconds = int(self._clock.now().timestamp() * 1000)
        return UUID(int=milliseconds << 80 | 0x7 << 76 | 0b10 << 62 | self._count)


def short(text: object) -> str:
    """A text with our ids as small numbers, and without names that are drawn by chance."""
    named = _ID.sub(lambda match: f"#{UUID(match[0]).int & 0xFFFF}", str(text))
    return _TEMPORARY.sub("an incoming file", named)


@dataclass
class Trace:
    """Lines with their virtual time."""

    clock: VirtualClock
    lines: list[str] = field(default_factory=list)

    def __call__(self, line: str) -> None:
        """Add a line."""
        seconds = (self.clock.now() - START).total_seconds()
        self.lines.append(f"{seconds:9.3f} {short(line)}")
