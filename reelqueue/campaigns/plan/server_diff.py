"""Compare a campaign file with the clips that the server has: new, changed, restored, shared or present."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from typing import Any, Final, NamedTuple, Self

from reelqueue.campaigns.clips import Clip
from reelqueue.states import TERMINAL, RenderState


class ClipChange(StrEnum):
    """Difference of a clip from the campaign on the server."""

    NEW = "new"
    CHANGED = "changed"
    """Its id exists with another content, which would be rendered."""
    RESTORED = "restored"
    """What it sends was sent for a row that has changed since: that clip comes back, and nothing is rendered."""
    SHARED = "shared"
    """Another row has sent the same: its clip is this one's, too, and nothing is rendered."""
    AMENDED = "amended"
    """It waits already; its priority or its latest start is another."""
    PRESENT = "present"
    """What it sends has been sent: nothing is rendered."""


RENDERED_CHANGES: Final = (ClipChange.NEW, ClipChange.CHANGED)

_WITHOUT_VIDEO: Final = TERMINAL - {RenderState.SUCCEEDED, RenderState.TIMED_OUT}


class WaitingOptions(NamedTuple):
    """What a row says about a clip that waits, beside what it sends."""

    priority: int = 0
    start_by: datetime | None = None


class UndoneRepair(NamedTuple):
    """A clip without a video that would take the place of one that has a video or is under way."""

    custom_id: str
    """Of both."""
    file: str
    """Where the row of the failed clip is."""
    line: int | None
    failed_state: str
    """How the clip of that row has ended."""
    current_state: str
    """Of the clip that would be displaced."""


@dataclass(frozen=True, slots=True)
class ServerState:
    """The clips of a campaign that the server has."""

    content_by_id: Mapping[str, str] = field(default_factory=dict)
    """`Clip.content_sha256` by `Clip.custom_id`."""
    contents: frozenset[str] = frozenset()
    """All of them."""
    earlier: frozenset[str] = frozenset()
    """Of rows that have changed since, and were submitted."""
    ended: Mapping[str, str] = field(default_factory=dict)
    """Of all these, what has ended without a video: its state by its content."""
    state_by_id: Mapping[str, str] = field(default_factory=dict)
    """State of the current clip by `Clip.custom_id`."""
    waits: Mapping[str, WaitingOptions] = field(default_factory=dict)
    """By id, of those that wait."""

    @classmethod
    def read(cls, told: Iterable[Mapping[str, Any]]) -> Self:
        """What a server tells, an object for each clip."""
        content_by_id: dict[str, str] = {}
        state_by_id: dict[str, str] = {}
        ended: dict[str, str] = {}
        earlier_ended: dict[str, str] = {}
        earlier = set[str]()
        waits: dict[str, WaitingOptions] = {}
        plain = WaitingOptions()
        for clip in told:
            content, custom_id = clip["content_sha256"], clip["custom_id"]
            state = RenderState(clip["state"])
            is_ended = state in _WITHOUT_VIDEO
            if clip.get("earlier"):
                if is_ended:
                    earlier_ended[content] = state
                else:
                    earlier.add(content)
                continue
            content_by_id[custom_id], state_by_id[custom_id] = content, state
            if is_ended:
                ended[content] = state
            elif state is RenderState.QUEUED:
                own = WaitingOptions(clip.get("priority", 0), _moment(clip.get("start_by")))
                waits[custom_id] = plain if own == plain else own
        contents = frozenset(content_by_id.values())
        ended |= {
            content: state
            for content, state in earlier_ended.items()
            if content not in earlier and content not in contents
        }
        return cls(content_by_id, contents, frozenset(earlier | earlier_ended.keys()), ended, state_by_id, waits)

    def change_of(self, clip: Clip, *, start_by: datetime | None = None) -> ClipChange:
        """Compare *clip* with the server's clips.

        Args:
            clip: A clip of the file.
            start_by: The campaign's latest start, for clips that say none.
        """
        before = self.content_by_id.get(clip.custom_id)
        if clip.content_sha256 == before:
            return self._same(clip, start_by)
        if clip.content_sha256 in self.contents:
            return ClipChange.SHARED
        if clip.content_sha256 in self.earlier:
            return ClipChange.RESTORED
        return ClipChange.NEW if before is None else ClipChange.CHANGED

    def undone_by(self, clip: Clip) -> UndoneRepair | None:
        """The repair that *clip* would undo: it has ended without a video, and the current clip of its id has not."""
        before = self.content_by_id.get(clip.custom_id)
        if before is None or before in self.ended or clip.content_sha256 not in self.ended:
            return None
        current = self.state_by_id[clip.custom_id]
        return UndoneRepair(clip.custom_id, clip.file, clip.line, self.ended[clip.content_sha256], current)

    def _same(self, clip: Clip, start_by: datetime | None) -> ClipChange:
        waits = self.waits.get(clip.custom_id)
        own = clip.request.start_by if clip.request.start_by != start_by else None
        is_amended = waits is not None and waits != (clip.request.priority, own)
        return ClipChange.AMENDED if is_amended else ClipChange.PRESENT


def _moment(text: str | None) -> datetime | None:
    return datetime.fromisoformat(text) if text else None
