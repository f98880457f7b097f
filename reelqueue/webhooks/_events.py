"""Webhook event payloads: thin, so that a receiver asks the API for the rest, and no prompt or signed URL is sent."""

from __future__ import annotations

from datetime import datetime
from enum import StrEnum
from typing import ClassVar, Final
from uuid import UUID

from pydantic import ConfigDict, Field

from reelqueue.schemas.jobs import Money, Wire
from reelqueue.states import FailureClass, RenderState, TextState

TEST_KIND: Final = "webhook.test"
"""Sent on request, to see whether an endpoint works."""

EXPIRING_KIND: Final = "render_job.result_expiring"
"""A video that is paid for waits for the archive, and is gone at the provider in a few hours."""


class CampaignEvent(StrEnum):
    """Type of an event of a campaign."""

    CANARY_READY = "campaign.canary_ready"
    """Its canary has been rendered, and the rest waits for approval."""
    BUDGET_REACHED = "campaign.budget_reached"
    """50, 80 or 100 % of its budget are spent and reserved, or the rest cannot pay for the next clip."""
    BREAKER_TRIPPED = "campaign.breaker_tripped"
    """Too many of its clips failed: it paused itself."""
    PRICE_RISEN = "campaign.price_risen"
    """A price is above what its owner agreed to: it waits for approval of the new one."""
    NEEDS_REVIEW = "campaign.needs_review"
    """An operator has to decide about clips of it."""
    FINISHED = "campaign.finished"
    """Every clip of it has ended; after more clips it finishes once more."""


class EventFailure(Wire):
    """Why a render job did not succeed, in words that never change."""

    model_config: ClassVar[ConfigDict] = ConfigDict(
        frozen=True, extra="ignore", populate_by_name=True, serialize_by_alias=True
    )

    failure_class: FailureClass | None = Field(alias="class", description="By what its owner can do about it.")
    code: str | None = Field(description="The provider's code, as received.")


class EventMoney(Wire):
    """What a campaign had cost when an event happened, in one currency."""

    currency: str = Field(description="ISO 4217 code.")
    spent: Money = Field(description="Settled and written off.")
    reserved: Money = Field(description="Held for clips that are being rendered.")
    budget: Money | None = Field(default=None, description="Its budget; null: none in this currency.")


class EventCampaign(Wire):
    """A campaign as it was when an event of it happened."""

    id: UUID = Field(description="The server's id of it.")
    name: str = Field(description="The owner's name for it.")
    counts: dict[str, int] = Field(default={}, description="Its clips by state.")
    money: list[EventMoney] = Field(default=[], description="By currency.")
    percent: int | None = Field(default=None, description="How much of its budget is spent and reserved: 50, 80, 100.")
    reason: str | None = Field(default=None, description="Why it paused itself, human-readable.")


class EventData(Wire):
    """What an event is about; all null in a test."""

    job_id: UUID | None = Field(default=None, description="The render job; null in any other event.")
    custom_id: str | None = Field(default=None, description="The producer's own name for the clip.")
    text_job_id: UUID | None = Field(default=None, description="The text job; null in any other event.")
    state: RenderState | TextState | None = Field(
        default=None, description="The state that the job moved to; null where it did not move."
    )
    failure: EventFailure | None = Field(default=None, description="Why it did not succeed.")
    campaign: EventCampaign | None = Field(
        default=None, description="The campaign, in an event of one; null in events of jobs."
    )


class WebhookEvent(Wire):
    """One event, as it was signed."""

    id: str = Field(description="The same for each delivery of the event to this endpoint.")
    type: str = Field(
        description="`render_job.` or `text_job.` and a terminal state, `render_job.result_expiring`, one of "
        "`CampaignEvent` or `webhook.test`; more may come."
    )
    timestamp: datetime = Field(description="When it happened.")
    data: EventData


def kind_of(state: RenderState) -> str:
    """The type of the event that a job has moved to a terminal state."""
    return f"render_job.{state}"


def text_kind_of(state: TextState) -> str:
    """The type of the event that a text job has moved to a terminal state."""
    return f"text_job.{state}"
