"""What the HTTP API says about text jobs: the same types on the server and in the client."""

from __future__ import annotations

from datetime import date, datetime
from typing import Any, Literal
from uuid import UUID

from pydantic import Field

from reelqueue.schemas.jobs import Failure, Money, Wire
from reelqueue.states import TextState


class TextUsage(Wire):
    """The tokens of the answered call."""

    prompt_tokens: int = Field(description="All input, what was read from and written to the cache included.")
    completion_tokens: int = Field(description="All output, thoughts included.")
    cached_tokens: int = Field(default=0, description="Of the input: read from the provider's cache.")
    written_tokens: int = Field(default=0, description="Of the input: written to the provider's cache.")
    reasoning_tokens: int = Field(default=0, description="Of the output: thoughts, where the provider counts them.")


class TextToolCall(Wire):
    """A function that the model wants to be called."""

    id: str = Field(description="To be named by the result.")
    name: str = Field(description="Of the tool.")
    arguments: str = Field(description="JSON text as the model wrote it: it may be no JSON, or miss the schema.")


class TextAnswer(Wire):
    """A whole answer."""

    text: str = Field(description="What the model wrote.")
    reasoning: str = Field(description="What it thought before; empty where it did not think.")
    tool_calls: list[TextToolCall] = Field(description="Functions that it wants to be called.")
    finish_reason: str = Field(description="`stop`, `length` or `tool_calls`.")
    model: str | None = Field(description="The model as the provider names it.")
    provider_request_id: str | None = Field(description="The provider's id of the call.")
    usage: TextUsage | None = Field(description="Its tokens; null where the provider did not say them.")


class TextCostLimit(Wire):
    """The most that something may cost."""

    amount: Money = Field(description="At most so much.")
    currency: str = Field(description="ISO 4217 code.")


class TextPaidCost(Wire):
    """What all calls of a text job have cost."""

    amount: Money | None = Field(description="Null where no price is known for it.")
    currency: str | None = Field(description="ISO 4217 code; null where nothing was billed, or no price is known.")
    is_estimate: bool = Field(
        description="Whether a part of it is the most that a call may have cost, whose answer or usage is not known."
    )
    priced_on: date | None = Field(description="Day of the price list.")


class TextJob(Wire):
    """A text job as the server knows it at one moment."""

    id: UUID = Field(description="Ours, UUIDv7.")
    state: TextState = Field(description="Its state.")
    is_terminal: bool = Field(description="Whether a waiter can stop waiting.")
    model: str = Field(description="The model id.")
    request: dict[str, Any] | None = Field(description="The text request as accepted; null in a listing.")
    stream: bool = Field(description="Whether its answer can be watched while it comes.")
    batch: bool = Field(description="Whether it is asked in a batch: within a day, at half the price.")
    on_lost_answer: Literal["retry_once", "hold"] = Field(
        description="What becomes of it when its answer is lost and may be billed."
    )
    max_cost: TextCostLimit | None = Field(description="The most that all its calls together may cost.")
    start_by: datetime | None = Field(description="It expires if it has not been asked by then.")
    custom_id: str | None = Field(description="The producer's own name for it.")
    campaign: str = Field(description="The name of the campaign whose budget pays.")
    priority: int = Field(description="Higher is asked first.")
    metadata: dict[str, Any] | None = Field(description="The producer's own JSON object.")
    warnings: list[str] = Field(description="What is odd about the request.")
    attempt_count: int = Field(description="Calls to the provider so far.")
    answer: TextAnswer | None = Field(description="The answer; never one that is not whole.")
    partial_text: str | None = Field(
        description="What had come of the last call's answer, where that did not become whole; null in a listing."
    )
    failure: Failure | None = Field(description="Why it did not succeed, or why it is held.")
    estimated_max_cost: TextCostLimit | None = Field(
        description="The most that one call may cost by the list prices of its intake; null where they are unknown."
    )
    cost: TextPaidCost | None = Field(
        description="What it has cost: 0 where it ended without being billed; null while nothing is known."
    )
    created_at: datetime = Field(description="When it was stored.")
    started_at: datetime | None = Field(description="When it was last asked.")
    cancel_requested_at: datetime | None = Field(description="When a person stopped it.")
    finished_at: datetime | None = Field(description="When it became terminal.")


class TextJobPage(Wire):
    """Some text jobs, newest first."""

    items: list[TextJob] = Field(description="At most `limit` jobs.")
    next_cursor: str | None = Field(description="Pass it as `cursor` for the next page; null on the last page.")


class TextPiece(Wire):
    """A piece of an answer while it comes."""

    kind: Literal["begin", "text", "reasoning", "tool_call"] = Field(
        description="`begin`: a call begins, and what came before it is void; else what it is a piece of."
    )
    text: str = Field(default="", description="The piece.")
    index: int = Field(default=0, description="Of a tool call: which one.")
