"""Webhook event payloads: thin, so that a receiver asks the API for the rest, and no prompt or signed URL is sent."""

from __future__ import annotations

from datetime import datetime
from typing import ClassVar, Final
from uuid import UUID

from pydantic import ConfigDict, Field

from reelqueue.schemas.jobs import Wire
from reelqueue.states import FailureClass, RenderState, TextState

TEST_KIND: Final = "webhook.test"
"""Sent on request, to see whether an endpoint works."""

EXPIRING_KIND: Final = "render_job.result_expiring"
"""A video that is paid for waits for the archive, and is gone at the provider in a few hours."""


class EventFailure(Wire):
    """Why a render job did not succeed, in words that never change."""

    model_config: ClassVar[ConfigDict] = ConfigDict(
        frozen=True, extra="ignore", populate_by_name=True, serialize_by_alias=True
    )

    failure_class: FailureClass | None = Field(alias="class", description="By what its owner can do about it.")
    code: str | None = Field(description="The provider's code, as received.")


class EventData(Wire):
    """What an event is about; all null in a test."""

    job_id: UUID | None = Field(default=None, description="The render job; null in an event of a text job.")
    custom_id: str | None = Field(default=None, description="The producer's own name for the clip.")
    text_job_id: UUID | None = Field(default=None, description="The text job; null in an event of a render job.")
    state: RenderState | TextState | None = Field(
        default=None, description="The state that the job moved to; null where it did not move."
    )
    failure: EventFailure | None = Field(default=None, description="Why it did not succeed.")


class WebhookEvent(Wire):
    """One event, as it was signed."""

    id: str = Field(description="The same for each delivery of the event to this endpoint.")
    type: str = Field(
        description="`render_job.` or `text_job.` and a terminal state, `render_job.result_expiring` or "
        "`webhook.test`; more may come."
    )
    timestamp: datetime = Field(description="When it happened.")
    data: EventData


def kind_of(state: RenderState) -> str:
    """The type of the event that a job has moved to a terminal state."""
    return f"render_job.{state}"


def text_kind_of(state: TextState) -> str:
    """The type of the event that a text job has moved to a terminal state."""
    return f"text_job.{state}"
