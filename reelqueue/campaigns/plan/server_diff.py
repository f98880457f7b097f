"""What a campaign holds as it has been applied before, and what a clip of a file is to that."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from typing import Any, Final, NamedTuple, Self

from reelqueue.campaigns.clips import Clip
from reelqueue.states import TERMINAL, RenderState


class Novelty(StrEnum):
    """What a clip is to the campaign as it has been applied before."""

    NEW = "new"
    CHANGED = "changed"
    """Its id is there with another content, which would be bought."""
    RESTORED = "restored"
    """What it sends was sent for a row that has changed since: that clip comes back, and nothing is bought."""
    SHARED = "shared"
    """Another row has sent the same: its clip is this one's, too, and nothing is bought."""
    AMENDED = "amended"
    """It waits already; its priority or its latest start is another."""
    PRESENT = "present"
    """What it sends has been sent: nothing is bought."""


BOUGHT: Final = (Novelty.NEW, Novelty.CHANGED)

_WITHOUT_VIDEO: Final = TERMINAL - {RenderState.SUCCEEDED, RenderState.TIMED_OUT}


class Wait(NamedTuple):
    """What a row says about a clip that waits, beside what it sends."""

    priority: int = 0
    start_by: datetime | None = None


@dataclass(frozen=True, slots=True)
class Known:
    """What a campaign holds already."""

    content_by_id: Mapping[str, str] = field(default_factory=dict)
    """`Clip.content_sha256` by `Clip.custom_id`."""
    contents: frozenset[str] = frozenset()
    """All of them."""
    earlier: frozenset[str] = frozenset()
    """Of rows that have changed since, and were submitted."""
    ended: frozenset[str] = frozenset()
    """Of all these, what has ended without a video."""
    waits: Mapping[str, Wait] = field(default_factory=dict)
    """By id, of those that wait."""

    @classmethod
    def read(cls, told: Iterable[Mapping[str, Any]]) -> Self:
        """What a server tells, an object for each clip."""
        content_by_id: dict[str, str] = {}
        ended, earlier, earlier_ended = set[str](), set[str](), set[str]()
        waits: dict[str, Wait] = {}
        plain = Wait()
        for clip in told:
            content, custom_id = clip["content_sha256"], clip["custom_id"]
            is_ended = clip["state"] in _WITHOUT_VIDEO
            if clip.get("earlier"):
                (earlier_ended if is_ended else earlier).add(content)
                continue
            content_by_id[custom_id] = content
            if is_ended:
                ended.add(content)
            elif clip["state"] == RenderState.QUEUED:
                own = Wait(clip.get("priority", 0), _moment(clip.get("start_by")))
                waits[custom_id] = plain if own == plain else own
        contents = frozenset(content_by_id.values())
        ended |= earlier_ended - earlier - contents
        return cls(content_by_id, contents, frozenset(earlier | earlier_ended), frozenset(ended), waits)

    def novelty(self, clip: Clip, *, start_by: datetime | None = None) -> Novelty:
        """What *clip* is to it.

        Args:
            clip: A clip of the file.
            start_by: The campaign's latest start, for clips that say none.
        """
        before = self.content_by_id.get(clip.custom_id)
        if clip.content_sha256 == before:
            return self._same(clip, start_by)
        if clip.content_sha256 in self.contents:
            return Novelty.SHARED
        if clip.content_sha256 in self.earlier:
            return Novelty.RESTORED
        return Novelty.NEW if before is None else Novelty.CHANGED

    def goes_back(self, clip: Clip) -> bool:
        """Whether *clip* has ended without a video, and would take the place of one that has not."""
        before = self.content_by_id.get(clip.custom_id)
        return before is not None and before not in self.ended and clip.content_sha256 in self.ended

    def _same(self, clip: Clip, start_by: datetime | None) -> Novelty:
        waits = self.waits.get(clip.custom_id)
        own = clip.request.start_by if clip.request.start_by != start_by else None
        is_amended = waits is not None and waits != (clip.request.priority, own)
        return Novelty.AMENDED if is_amended else Novelty.PRESENT


def _moment(text: str | None) -> datetime | None:
    return datetime.fromisoformat(text) if text else None
