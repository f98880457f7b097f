"""What the API says about webhook endpoints and their deliveries."""

from __future__ import annotations

from datetime import datetime
from enum import StrEnum
from uuid import UUID

from pydantic import AliasChoices, Field

from reelqueue.schemas.jobs import Wire


class DeliveryState(StrEnum):
    """State of one event's delivery to one endpoint."""

    PENDING = "pending"
    """It will be tried, or tried again."""
    DELIVERED = "delivered"
    """The receiver has answered with success."""
    DEAD = "dead"
    """Every try failed; only a redelivery by request sends it again."""


class WebhookEndpoint(Wire):
    """A webhook endpoint: a URL that receives events about its owner's render jobs."""

    id: UUID = Field(description="Ours, UUIDv7.")
    url: str = Field(description="Where events are posted.")
    created_at: datetime = Field(description="When it was made.")
    open_since: datetime = Field(description="It receives what happens from then on.")
    disabled_at: datetime | None = Field(description="Since when nothing is posted; null: it is.")
    disabled_reason: str | None = Field(description="Why, human-readable.")
    failure_count: int = Field(description="Failed tries in a row.")


class WebhookSecret(WebhookEndpoint):
    """A new endpoint with its secret, which is shown this once."""

    secret: str = Field(description="`whsec_` and base64: what the receiver verifies signatures with.")
    same_url_ids: list[UUID] = Field(
        description="Other endpoints of the caller with this URL: it gets each event once from every one."
    )


class WebhookEndpoints(Wire):
    """All endpoints of a caller."""

    items: list[WebhookEndpoint] = Field(description="Oldest first.")


class WebhookDelivery(Wire):
    """One event on its way to one endpoint."""

    id: UUID = Field(description="The `webhook-id`: the same in every try.")
    type: str = Field(
        description="`render_job.` or `text_job.` and a state, `campaign.` and what happened, or `webhook.test`.",
        validation_alias=AliasChoices("type", "kind"),  # the server reads it from a row, the client from JSON
    )
    job_id: UUID | None = Field(description="The render job; null where it is about none.")
    state: DeliveryState = Field(description="Whether it was delivered.")
    occurred_at: datetime = Field(description="When it happened.")
    attempt_count: int = Field(description="Tries so far.")
    next_attempt_at: datetime | None = Field(description="When it is tried next.")
    finished_at: datetime | None = Field(description="When it was delivered or given up.")
    last_status: int | None = Field(description="HTTP status of the last answer.")
    last_error: str | None = Field(description="Why the last try failed.")


class WebhookDeliveries(Wire):
    """Some deliveries of an endpoint, newest first."""

    items: list[WebhookDelivery] = Field(description="At most `limit` deliveries.")
    next_before: UUID | None = Field(description="Pass it as `before` for the next page; null on the last page.")
