"""What the HTTP API says about render jobs: the same types on the server and in the client.

Readers ignore fields that they do not know, so that an older client reads a newer server.
"""

from __future__ import annotations

from datetime import date, datetime
from decimal import Decimal
from typing import Annotated, Any, ClassVar, Final
from uuid import UUID

from pydantic import BaseModel, ConfigDict, Field, PlainSerializer

from reelqueue.catalog.price_list import PriceSource
from reelqueue.states import FailureClass, RenderState

Money = Annotated[Decimal, PlainSerializer(str, return_type=str, when_used="json")]
"""An exact amount; a string in JSON, because a float would round it."""

Measured = Annotated[Decimal, PlainSerializer(float, return_type=float, when_used="json")]
"""A measured quantity; a number in JSON."""


class Wire(BaseModel):
    """Root of what the API answers with."""

    model_config: ClassVar[ConfigDict] = ConfigDict(frozen=True, extra="ignore", from_attributes=True)


class Failure(Wire):
    """Why a render job did not succeed."""

    failure_class: FailureClass | None = Field(alias="class", description="By what its owner can do about it.")
    code: str | None = Field(description="The provider's code, as received.")
    message: str | None = Field(description="What happened and what to do.")

    model_config: ClassVar[ConfigDict] = ConfigDict(
        frozen=True, extra="ignore", populate_by_name=True, serialize_by_alias=True
    )


class VideoAsset(Wire):
    """The stored video of a render job."""

    url: str = Field(description="Where to download it, relative to the server's root.")
    content_type: str = Field(description="MIME type.")
    sha256: str = Field(description="Hex SHA-256 of the file.")
    size_bytes: int = Field(description="Size of the file.")
    duration_seconds: Measured | None = Field(description="As measured in the file.")
    width: int | None = Field(description="Pixels, as measured in the file.")
    height: int | None = Field(description="Pixels, as measured in the file.")
    has_audio: bool | None = Field(description="Whether the file has a sound track.")


class EstimatedCost(Wire):
    """What a render job is expected to cost, by the list prices of a day."""

    min_amount: Money = Field(description="Least that the request can cost.")
    max_amount: Money = Field(description="Most that the request can cost.")
    currency: str = Field(description="ISO 4217 code.")
    billed_seconds_min: int = Field(description="Output, and input where it is billed.")
    billed_seconds_max: int = Field(description="Output, and input where it is billed.")
    region: str = Field(description="Whose price list it is.")
    priced_on: date = Field(description="Day of the price; of a table of a release, the first of its month.")
    source: PriceSource = Field(
        default=PriceSource.RELEASE,
        description="Where the price is from: an `operator`, the `provider`'s own list, the tables of the `release`, "
        "or an `estimate` in these from resellers' pages.",
    )


class PaidCost(Wire):
    """What a render job has cost."""

    amount: Money | None = Field(description="As the provider billed it; null where no price is known for it.")
    currency: str | None = Field(description="ISO 4217 code; null where nothing was billed, or no price is known.")


class Job(Wire):
    """A render job as the server knows it at one moment."""

    id: UUID = Field(description="Ours, UUIDv7.")
    state: RenderState = Field(description="Its state.")
    is_terminal: bool = Field(description="Whether a waiter can stop waiting.")
    provider_status: str | None = Field(description="The provider's last word, as received.")
    model: str = Field(description="The provider's model id.")
    mode: str = Field(description="What the video is made from.")
    prompt: str | None = Field(description="What the video shows.")
    negative_prompt: str | None = Field(description="What it must not show.")
    options: dict[str, Any] = Field(description="The other options of the request, as accepted.")
    custom_id: str | None = Field(description="The producer's own name for the clip.")
    campaign: str = Field(description="The name of its campaign; `default` for a job that was submitted by itself.")
    priority: int = Field(description="Higher is admitted first.")
    metadata: dict[str, Any] | None = Field(description="The producer's own JSON object.")
    warnings: list[str] = Field(description="What the catalog warned about at intake.")
    provider_task_id: str | None = Field(description="The provider's id of the latest task.")
    provider_request_id: str | None = Field(
        description="The provider's id of the latest submit, which its support asks for."
    )
    attempt_count: int = Field(description="POSTs to the provider so far.")
    poll_count: int = Field(description="Answers read from the provider so far.")
    failure: Failure | None = Field(description="Why it did not succeed.")
    asset: VideoAsset | None = Field(description="The stored video.")
    poster_url: str | None = Field(description="Where to download the poster, relative to the server's root.")
    estimated_cost: EstimatedCost | None = Field(description="From the list prices; null where they are unknown.")
    cost: PaidCost | None = Field(
        description="What it has cost: 0 where it ended without being billed; null while that is not known."
    )
    collected_late: bool = Field(description="Whether it succeeded after it had timed out.")
    created_at: datetime = Field(description="When it was enqueued.")
    admitted_at: datetime | None = Field(description="When it last got a slot.")
    submitted_at: datetime | None = Field(description="When the provider accepted it.")
    deadline_at: datetime | None = Field(description="When it times out.")
    cancel_requested_at: datetime | None = Field(description="When a person stopped it.")
    finished_at: datetime | None = Field(description="When it last became terminal.")


JOBS_MAX: Final = 1000
"""Of one `POST /v1/jobs/batch`, which is checked and stored as one."""


class StoredJobs(Wire):
    """The render jobs of a batch."""

    items: list[Job] = Field(description="A job for each of the batch, in its order.")


class JobPage(Wire):
    """Some render jobs, newest first."""

    items: list[Job] = Field(description="At most `limit` jobs.")
    next_cursor: str | None = Field(description="Pass it as `cursor` for the next page; null on the last page.")


class JobEvent(Wire):
    """One thing that happened to a render job."""

    id: int = Field(description="In order of writing.")
    at: datetime = Field(description="By the database's clock.")
    kind: str = Field(description="`state` for a move, or a word such as `provider_status` or `alarm`.")
    from_state: RenderState | None = Field(description="For a move; null for the first.")
    to_state: RenderState | None = Field(description="For a move.")
    detail: dict[str, Any] = Field(description="Small facts.")


class JobEvents(Wire):
    """What happened to a render job, oldest first."""

    items: list[JobEvent] = Field(description="At most `limit` events.")
    next_after: int | None = Field(description="Pass it as `after` for the next page; null on the last page.")


class ProviderRequest(Wire):
    """The HTTP request that the provider would get, without the key."""

    method: str = Field(description="Always `POST`.")
    url: str = Field(description="With the provider's host.")
    headers: dict[str, str] = Field(description="All but the key's.")
    body: dict[str, Any] = Field(description="As the provider's API documents it.")


class Preview(Wire):
    """What a request would send and cost; nothing is stored or sent."""

    request: ProviderRequest = Field(description="What would be sent.")
    warnings: list[str] = Field(description="What the catalog does not know or advises against.")
    estimated_cost: EstimatedCost | None = Field(description="From the list prices; null where they are unknown.")
