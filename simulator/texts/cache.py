"""The explicit context cache: prefixes that a marker keeps for five minutes, per account and model."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from itertools import accumulate
from typing import Final

from simulator.texts.tokens import Block

TOKENS_MIN: Final = 1024
MARKERS_MAX: Final = 4
LOOK_BACK_BLOCKS: Final = 20


class ExplicitCache:
    """Prefixes and until when they are kept. In memory: a restart forgets them, as five minutes do."""

    def __init__(self) -> None:
        self._kept_until_ms: dict[tuple[str, str, str], int] = {}

    def look_up(
        self, owner: tuple[str, str], blocks: Sequence[Block], *, now_ms: int, lifetime_ms: int
    ) -> tuple[int, int]:
        """Tokens read and written by a request, whose markers are then kept."""
        marked = [at for at, block in enumerate(blocks) if block.is_marked][-MARKERS_MAX:]
        ends = list(accumulate(block.tokens for block in blocks))
        if not marked or ends[marked[-1]] < TOKENS_MIN:
            return 0, 0
        digests = _digests(blocks)
        read = 0
        for marker in reversed(marked):
            for at in range(marker, max(marker - LOOK_BACK_BLOCKS, -1), -1):
                if self._kept_until_ms.get((*owner, digests[at]), 0) > now_ms:
                    read = max(read, ends[at])
                    self._kept_until_ms[*owner, digests[at]] = now_ms + lifetime_ms
                    break
        for marker in marked:
            if ends[marker] >= TOKENS_MIN:
                self._kept_until_ms[*owner, digests[marker]] = now_ms + lifetime_ms
        return read, max(ends[marked[-1]] - read, 0)


def _digests(blocks: Sequence[Block]) -> list[str]:
    """A digest of each prefix."""
    running, found = hashlib.sha256(), []
    for block in blocks:
        running.update(block.content.encode("utf-8", "surrogatepass") + b"\0")
        found.append(running.hexdigest())
    return found
