"""What the HTTP API says about campaigns: the same types on the server and in the client."""

from __future__ import annotations

import hashlib
import json
from datetime import datetime
from enum import StrEnum
from typing import Any, Final, Literal
from uuid import UUID

from pydantic import Field, StrictBool

from reelqueue.schemas.jobs import Money, Wire
from reelqueue.states import FailureClass, RenderState


class Phase(StrEnum):
    """Phase of a campaign."""

    EMPTY = "empty"
    """It has no clips yet."""
    SCHEDULED = "scheduled"
    """Its ``run_at`` has not come."""
    RUNNING = "running"
    PAUSED = "paused"
    """By a person or by its breaker; the reason says which."""
    AWAITING_APPROVAL = "awaiting_approval"
    """Its canary has been rendered: a person approves the rest."""
    OUT_OF_BUDGET = "out_of_budget"
    """The rest of its budget cannot pay for the next clip."""
    CANCELLED = "cancelled"
    FINISHED = "finished"
    """Every clip has come to an end."""


_OVER: Final = frozenset({Phase.EMPTY, Phase.FINISHED, Phase.CANCELLED})


class CampaignMoney(Wire):
    """What a campaign costs, in one currency."""

    currency: str = Field(description="ISO 4217 code.")
    spent: Money = Field(description="Settled and written off.")
    reserved: Money = Field(description="Held for clips that are being rendered.")
    cap: Money | None = Field(description="Its budget; null: none in this currency.")


class FailureGroup(Wire):
    """Failed clips with the same failure class and code."""

    state: RenderState = Field(description="How they ended.")
    failure_class: FailureClass | None = Field(description="By what their owner can do about it.")
    code: str | None = Field(description="The provider's code, or ours.")
    count: int = Field(description="Clips.")
    custom_id: str | None = Field(description="The latest of them.")
    message: str | None = Field(description="What happened to it and what to do.")


class Hold(Wire):
    """Something that keeps clips of a running campaign waiting."""

    reason: str = Field(description="What it is, and who can do something about it.")
    is_blocking: bool = Field(description="Whether these clips wait until a person acts, rather than for their turn.")


class Shortfall(Wire):
    """What a budget that has ended lacks for the clips that wait."""

    currency: str = Field(description="ISO 4217 code.")
    missing: Money = Field(description="By how much the budget is too small for all clips that wait.")
    budget: Money = Field(description="A budget that pays for them, beside what is spent and reserved.")
    clip_count: int = Field(description="Clips that wait and have a price.")
    max_amount: Money = Field(description="The most that these cost by the prices that count.")
    unpriced_count: int = Field(description="Clips that wait without a price, which no budget pays for.")
    command: str = Field(description="The command line that raises the budget to that.")

    @property
    def words(self) -> str:
        """How much is missing, and for what."""
        clips = f"{self.clip_count} clip" if self.clip_count == 1 else f"{self.clip_count} clips"
        return f"{self.missing:,.2f} {self.currency}: {clips} waiting, {self.max_amount:,.2f} at most"


class CsvStyle(Wire):
    """How a CSV file divides its cells and writes its numbers, as programs of its author's language do."""

    delimiter: str = Field(
        default=",", min_length=1, max_length=1, pattern=r"""^[^"'\r\n\u0000\ufeff]$""", description="Between cells."
    )
    decimal: Literal[".", ","] = Field(default=".", description="The decimal mark.")
    has_byte_order_mark: StrictBool = Field(
        default=True, description="Whether it begins with the mark that tells Excel that it is UTF-8."
    )


class Campaign(Wire):
    """A campaign as the server knows it at one moment."""

    name: str = Field(description="Unique among its owner's.")
    phase: Phase = Field(description="Its state as a whole.")
    reason: str | None = Field(description="Why nothing continues, where a decision is asked for.")
    shortfall: Shortfall | None = Field(
        default=None, description="Out of budget: how much is missing, and the command that adds it."
    )
    holds: list[Hold] = Field(default_factory=list, description="What keeps clips of a running campaign waiting.")
    options: dict[str, Any] = Field(description="How it is run, as in a manifest.")
    file_name: str | None = Field(description="The file that it was last applied from.")
    csv_style: CsvStyle | None = Field(
        default=None, description="Of the CSV file that was applied last; results and failures are written like it."
    )
    clip_count: int = Field(description="Clips, each row's latest.")
    counts: dict[RenderState, int] = Field(description="Of these by state; states without a clip are left out.")
    finished_count: int = Field(description="Of these at an end.")
    clips_per_minute: float = Field(description="That succeeded, per minute in which one was at the provider.")
    money: list[CampaignMoney] = Field(description="One per currency.")
    failures: list[FailureGroup] = Field(description="Ends without a video by class and code, the most frequent first.")
    created_at: datetime = Field(description="When it was made.")
    approved_at: datetime | None = Field(description="When a person approved the rest after the canary.")
    paused_at: datetime | None = Field(description="Since when nothing is submitted.")
    cancelled_at: datetime | None = Field(description="When it was stopped for good.")

    @property
    def is_over(self) -> bool:
        """Whether nothing more happens to it unless a person acts."""
        return self.phase in _OVER and self.finished_count == self.clip_count

    @property
    def is_blocked(self) -> bool:
        """Whether some of it waits until a person acts, so that its pace says nothing about its end."""
        return any(hold.is_blocking for hold in self.holds)

    @property
    def version(self) -> str:
        """Another one whenever something has happened; the pace alone changes with the clock."""
        facts = self.model_dump(mode="json", exclude={"clips_per_minute"})
        return hashlib.sha256(json.dumps(facts, sort_keys=True).encode()).hexdigest()[:16]


class Campaigns(Wire):
    """Campaigns of one owner, newest first."""

    items: list[Campaign] = Field(description="At most `limit`.")


class ClipProblem(Wire):
    """A clip of a batch that cannot be rendered."""

    line: int = Field(description="Of the batch, from 1.")
    custom_id: str | None = Field(description="The clip, where it could be read.")
    code: str = Field(description="Stable word for programs.")
    message: str = Field(description="What is wrong and what is allowed.")
    field: str | None = Field(description="The option at fault, where it is one.")


class ClipImport(Wire):
    """A campaign file on its way into the server."""

    id: UUID = Field(description="Names it in the path.")


class StagedClips(Wire):
    """What became of a batch of an import."""

    clips: int = Field(description="Kept for the commit.")
    bad: int = Field(description="Left out.")
    problems: list[ClipProblem] = Field(description="What is wrong with those.")


class ImportedClips(Wire):
    """Counts of submitted clips by what was done with each."""

    new: int = Field(default=0, description="Stored.")
    changed: int = Field(default=0, description="Stored in the place of another content of the same id.")
    restored: int = Field(default=0, description="A content that was submitted before came back: nothing is rendered.")
    shared: int = Field(default=0, description="Another row has, or had, the same content: nothing is rendered.")
    amended: int = Field(default=0, description="There already and waiting: their priority or latest start is new.")
    present: int = Field(default=0, description="There already: nothing is rendered.")
    bad: int = Field(default=0, description="Left out; unless they were to be skipped, nothing is stored.")
    problems: list[ClipProblem] = Field(default=[], description="What is wrong with those.")


class RetriedClips(Wire):
    """What is rendered again, or would be."""

    count: int = Field(description="Clips.")
    is_dry_run: bool = Field(description="Whether nothing was stored.")
    max_amount: Money = Field(description="Most that they cost by the prices that count.")
    currency: str | None = Field(description="ISO 4217 code; null: no price is published for them.")
    unpriced_count: int = Field(description="Clips without a price, which are not in the sum.")
    unpriced_ids: list[str] = Field(description="The first hundred of those.")
    priced_by: list[str] = Field(
        default_factory=list,
        description="Where the prices are from, and of what day, such as `provider 2026-11-30`; `source` of a job's "
        "cost has the words.",
    )
    custom_ids: list[str] = Field(description="The first hundred.")


class WaitingClips(Wire):
    """What clips that wait to be submitted would cost."""

    count: int = Field(description="Clips.")
    max_amount: Money = Field(description="Most that those with a price cost by the prices that count.")
    currency: str | None = Field(description="ISO 4217 code; null: no price is published for any of them.")
    unpriced_count: int = Field(description="Clips without a price, which are not in the sum.")
    unpriced_ids: list[str] = Field(description="One clip of each kind without a price, a hundred at most.")
    priced_by: list[str] = Field(
        default_factory=list,
        description="Where the prices are from, and of what day, such as `provider 2026-11-30`; `source` of a job's "
        "cost has the words.",
    )


class Decision(StrEnum):
    """What a person decides about a clip that is there."""

    APPROVE = "approve"
    REJECT = "reject"


class DecidedClips(Wire):
    """What became of a decision about some clips."""

    changed_count: int = Field(description="Clips that it changed something for; sent again, none.")
    cost: RetriedClips | None = Field(description="For a retry: what is rendered again, or would be.")


class ClipResult(Wire):
    """One line of a campaign's results."""

    custom_id: str | None
    same_as: str | None = Field(description="Another row that sends the same: its video is shared, and paid for there.")
    variant: int | None
    state: RenderState
    model: str
    file: str | None = Field(description="Relative path by the campaign's pattern.")
    sha256: str | None
    size_bytes: int | None
    seconds: Money | None = Field(description="Length of the video, as measured.")
    cost: Money | None = Field(description="As settled; null: nothing was.")
    currency: str | None
    seed: int | None
    prompt: str | None
    actual_prompt: str | None = Field(description="The prompt as the provider rewrote it.")
    job_id: UUID
    provider_task_id: str | None
    variables: dict[str, Any] | None
    decision: Decision | None = Field(default=None, description="What a person decided about it; null: nothing.")
    decided_by: str | None = Field(default=None, description="The name of the key that was used; null: none was.")
    decided_at: datetime | None = Field(default=None, description="When.")


class GalleryFile(Wire):
    """A file that a page of a gallery shows."""

    path: str = Field(description="Relative to the gallery's folder, with forward slashes.")
    url: str = Field(description="Where it is, relative to the API's root.")
    sha256: str = Field(description="Hex SHA-256 of the file.")
    size_bytes: int = Field(description="Of the file.")


class GalleryPage(Wire):
    """One page of a campaign's gallery as a folder, and the files that it shows."""

    file_name: str = Field(description="Of the page.")
    html: str = Field(description="The page: it needs no server.")
    clip_count: int = Field(description="Clips on it, rendered or not.")
    files: list[GalleryFile] = Field(description="Clips and posters.")
    next_after: UUID | None = Field(description="`after` of the next page; null: this is the last.")


class GalleryLink(Wire):
    """The way to a campaign's gallery in a browser."""

    path: str = Field(description="Relative to the API's root; the person who opens it is signed in.")
    expires_at: datetime | None = Field(description="Until when it signs in; null: this API needs no keys.")


class ModelSpeed(Wire):
    """How fast a model renders on a server."""

    model: str = Field(description="The provider's model id.")
    slots: int = Field(description="Tasks that run at a time, over all accounts.")
    submits_per_second: float = Field(description="Over all accounts.")
    clip_count: int = Field(description="Latest clips that were measured.")
    mean_seconds: float | None = Field(default=None, description="They took on average; null: none was measured.")
    p50_seconds: float | None = Field(description="Half of them had rendered in this time; null: none was measured.")
    p90_seconds: float | None = Field(description="Nine of ten had.")
    ends_at: datetime | None = Field(
        default=None, description="When the provider takes the model away; null: nothing is known of that."
    )


class ModelSpeeds(Wire):
    """How fast some models render."""

    items: list[ModelSpeed] = Field(description="By model.")
