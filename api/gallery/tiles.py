"""What a gallery shows: plain values, from whatever store they come."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from decimal import Decimal
from typing import Final

from reelqueue.schemas.campaigns import CampaignMoney, Shortfall
from reelqueue.states import AttemptState, RenderState

Scalar = str | int | float | bool

PAGE_COUNT: Final = 1000
"""Tiles on a page: what a browser lays out at once without a pause."""

STATE_WORDS: Final[Mapping[RenderState, str]] = {
    RenderState.QUEUED: "waiting",
    RenderState.ADMITTED: "next in line",
    RenderState.SUBMITTING: "being sent",
    RenderState.RENDERING: "rendering",
    RenderState.ARCHIVING: "saving",
    RenderState.SUCCEEDED: "done",
    RenderState.FAILED: "failed",
    RenderState.MODERATED: "refused by the filter",
    RenderState.TIMED_OUT: "timed out",
    RenderState.CANCELLING: "being cancelled",
    RenderState.CANCELLED: "cancelled",
    RenderState.EXPIRED: "not started in time",
    RenderState.LOST: "lost",
    RenderState.NEEDS_REVIEW: "needs a check",
}
"""Each state in words of people who look at clips; docs/campaigns/look.md has them beside the names."""

ATTEMPT_WORDS: Final[Mapping[AttemptState, str]] = {
    AttemptState.INTENT: "prepared",
    AttemptState.SENT: "sent",
    AttemptState.BOUND: "accepted",
    AttemptState.REJECTED: "refused",
    AttemptState.AMBIGUOUS: "no answer",
    AttemptState.RECONCILING: "being looked for",
    AttemptState.ADOPTED: "found at the provider",
    AttemptState.NOT_CREATED: "never arrived",
    AttemptState.UNRESOLVED: "unclear",
}
"""What became of each POST, likewise."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Picture:
    """A stored file that a page shows."""

    url: str
    """Where a browser finds it, relative to the page or to the server's root."""
    width_px: int | None = None
    height_px: int | None = None
    size_bytes: int | None = None
    sha256: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Clip:
    """A stored video."""

    url: str
    """Where a browser finds it, relative to the page or to the server's root."""
    duration_seconds: Decimal | None = None
    width_px: int | None = None
    height_px: int | None = None
    size_bytes: int | None = None
    sha256: str | None = None
    has_audio: bool | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Why:
    """Why there is no clip."""

    failure_class: str | None = None
    code: str | None = None
    """The provider's, as received."""
    message: str | None = None
    """What happened and what to do."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Reference:
    """A picture, clip or sound that the request names."""

    role: str
    """The option that named it, or the item's type."""
    url: str
    """As given; a data URI is shortened."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Money:
    """An amount of one currency."""

    amount: Decimal
    currency: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Try:
    """One POST to the provider."""

    number: int
    state: str
    """In words."""
    at: datetime
    http_status: int | None = None
    error_code: str | None = None
    error_message: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Event:
    """One thing that happened."""

    at: datetime
    words: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Tile:
    """One clip of a campaign, rendered or not."""

    id: str
    name: str
    """What people call it: the row's id, or the job's."""
    state: RenderState
    model: str
    mode: str
    file: str | None = None
    """The clip's relative path by the campaign's pattern."""
    prompt: str | None = None
    negative_prompt: str | None = None
    actual_prompt: str | None = None
    """As the provider rewrote it."""
    seed: int | None = None
    asked: Mapping[str, Scalar] = field(default_factory=dict)
    """Other options that tell clips apart: duration, resolution, ratio."""
    variables: Mapping[str, str] = field(default_factory=dict)
    """What its row and the matrix gave, as text, to filter by."""
    references: Sequence[Reference] = ()
    poster: Picture | None = None
    clip: Clip | None = None
    why: Why | None = None
    spent: Sequence[Money] = ()
    """Settled and written off, an entry per currency."""
    billed_seconds: Decimal | None = None
    provider_task_id: str | None = None
    tries: Sequence[Try] = ()
    events: Sequence[Event] = ()
    decision: str | None = None
    """What a person decided about it: ``approve``, ``reject`` or ``retry``."""
    decided_by: str | None = None
    """Whose key it was decided with; None: no key was needed."""
    decided_at: datetime | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Summary:
    """The campaign in numbers, whatever part of it a page shows."""

    by_state: Mapping[RenderState, int]
    spent: Sequence[Money] = ()

    @property
    def clip_count(self) -> int:
        """Clips of the campaign."""
        return sum(self.by_state.values())


@dataclass(frozen=True, slots=True, kw_only=True)
class Approval:
    """The rest of a campaign, of which a person has seen the canary."""

    url: str
    """Takes ``POST {"count_max": …, "amount_max": …, "unpriced_max": …}``: what the person was told."""
    count: int
    """Clips that wait."""
    most: Money | None
    """The most that those with a price may cost; None: none has."""
    unpriced_count: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Gallery:
    """One page of a campaign's clips."""

    id: str
    """Tells this campaign's marks from another's in a browser."""
    title: str
    summary: Summary
    tiles: Sequence[Tile]
    made_at: datetime
    variable_names: Sequence[str] = ()
    """In the order of the campaign's file; others stand behind these."""
    first_number: int = 1
    """The number of the first tile in the campaign."""
    previous_url: str | None = None
    next_url: str | None = None
    decisions_url: str | None = None
    """Takes ``POST {"decision": …, "job_ids": […]}``; None: marks stay in the browser and can be saved as a file."""
    sheet_url: str | None = None
    """The contact sheet to download, without its ending: ``.png`` or ``.pdf``."""
    list_url: str | None = None
    """All campaigns."""
    events_url: str | None = None
    """Tells that something has happened; None: the page stays as it is."""
    changes_url: str | None = None
    """This page with the tiles alone that have changed ``since`` a time."""
    version: str | None = None
    """The id of the event that the page is as new as."""
    retry_seconds: int | None = None
    """How long a page waits at least after the events were refused."""
    order: Sequence[str] = ()
    """Of what has changed: the clips that stand on the page now."""
    money: Sequence[CampaignMoney] = ()
    """Spent, reserved and its budget, an entry per currency; none in a folder, which says what was spent."""
    reason: str | None = None
    """Why nothing continues, where a decision is asked for."""
    shortfall: Shortfall | None = None
    """What a budget that has ended lacks, and the command that adds it."""
    holds: Sequence[str] = ()
    """What keeps its clips waiting while it runs."""
    approval: Approval | None = None
    """Where the rest waits to be approved."""
    only: RenderState | None = None
    """The one state whose clips this page and those beside it show; None: all."""
    words: Mapping[RenderState, str] = field(default_factory=lambda: STATE_WORDS)
    """What the script calls each state."""
