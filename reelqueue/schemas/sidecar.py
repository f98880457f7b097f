"""The sidecar JSON of an archived clip: its request, its cost and its measured media properties.

The file can be read without the database, years later. A field is never taken away or given another meaning under
the same :data:`SCHEMA`; new ones may come.
"""

from __future__ import annotations

from datetime import datetime
from typing import Any, ClassVar, Final

from pydantic import BaseModel, ConfigDict, Field

from reelqueue.schemas.jobs import Measured, Money

SCHEMA: Final = "reelqueue.clip.v1"


class _Part(BaseModel):
    model_config: ClassVar[ConfigDict] = ConfigDict(frozen=True, extra="ignore")


class ClipReference(_Part):
    """A picture, clip or sound that the clip was made from."""

    role: str = Field(description="first_frame, last_frame, reference and their like.")
    url: str = Field(description="As it was asked for; of embedded data only the beginning and the size.")
    voice_url: str | None = Field(default=None, description="The voice that goes with it.")


class ClipCost(_Part):
    """Money that was settled for the clip."""

    amount: Money = Field(description="In units of the currency.")
    currency: str = Field(description="ISO 4217.")


class ClipProvider(_Part):
    """Where it was rendered, to be found in the provider's own records."""

    account: str = Field(description="The account's name here.")
    base_url: str = Field(description="The host that the submit went to.")
    task_id: str = Field(description="The provider's id of the task.")
    request_id: str | None = Field(description="The provider's id of the submit.")


class ClipFile(_Part):
    """A file beside this one."""

    name: str = Field(description="In the same folder.")
    content_type: str = Field(description="MIME type.")
    size_bytes: int
    sha256: str = Field(description="Hex.")


class ClipMedia(_Part):
    """What was measured in the video."""

    width_px: int
    height_px: int
    duration_seconds: Measured
    has_audio: bool
    video_codec: str


class ClipTimes(_Part):
    """When what happened, in UTC."""

    created_at: datetime = Field(description="Enqueued.")
    submitted_at: datetime = Field(description="Accepted by the provider.")
    started_at: datetime | None = Field(description="Rendering began at the provider.")
    ended_at: datetime | None = Field(description="Rendering ended at the provider.")
    archived_at: datetime = Field(description="This file was written.")


class Sidecar(_Part):
    """One clip."""

    schema_id: str = Field(default=SCHEMA, alias="schema", description="Names this description.")
    reelqueue_version: str = Field(description="That wrote the file.")
    job_id: str = Field(description="The render job.")
    campaign: str = Field(description="Its campaign's name.")
    custom_id: str | None = Field(description="The producer's own name for the clip.")
    row: int | None = Field(description="Line of the campaign file where its row began.")
    variant: int | None = Field(description="Number among the variants of its row, from 1.")
    output: str | None = Field(description="The clip's path by its campaign's pattern, as in the results.")
    variables: dict[str, Any] | None = Field(description="What its row gave to templates.")
    metadata: dict[str, Any] | None = Field(description="The producer's own JSON object.")
    model: str
    mode: str
    prompt: str | None
    actual_prompt: str | None = Field(description="As the provider rewrote it.")
    negative_prompt: str | None
    seed: int | None = Field(description="As it was asked for.")
    options: dict[str, Any] = Field(description="What else was asked for.")
    references: list[ClipReference]
    provider: ClipProvider
    billed_seconds: Measured | None = Field(description="As the provider counts.")
    cost: list[ClipCost] = Field(description="Empty where no price is known.")
    video: ClipFile
    poster: ClipFile
    last_frame: ClipFile
    media: ClipMedia
    times: ClipTimes

    model_config: ClassVar[ConfigDict] = ConfigDict(
        frozen=True, extra="ignore", populate_by_name=True, serialize_by_alias=True
    )

    def as_json(self) -> str:
        """The file's content."""
        return self.model_dump_json(indent=2, by_alias=True) + "\n"
