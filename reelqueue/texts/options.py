"""Types of the keyword arguments of `Client.texts.enqueue`; a test keeps their names those of the requests."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Literal, TypedDict

from reelqueue.campaigns.options import Budget
from reelqueue.qwen.messages import Message
from reelqueue.qwen.request import Reasoning, ResponseFormat, Tool, ToolChoice
from reelqueue.texts.text_job import OnLostAnswer


class TextOptions(TypedDict, total=False):
    """Options of a text request, and of its job; what each means is in `TextRequest` and `TextJobOptions`."""

    model: str
    system: str | None
    prompt: str | None
    messages: Sequence[Message | Mapping[str, object]] | None
    max_output_tokens: int | None
    temperature: float | None
    top_p: float | None
    top_k: int | None
    presence_penalty: float | None
    stop_sequences: Sequence[str] | None
    seed: int | None
    response_format: ResponseFormat | Mapping[str, object] | None
    tools: Sequence[Tool | Mapping[str, object]] | None
    tool_choice: Literal["auto", "none"] | ToolChoice | Mapping[str, object] | None
    parallel_tool_calls: bool | None
    enable_thinking: bool | None
    thinking_budget: int | None
    preserve_thinking: bool | None
    reasoning: Reasoning | None
    headers: Mapping[str, str] | None
    stream: bool
    batch: bool
    priority: int
    on_lost_answer: OnLostAnswer
    max_cost: Budget | str | None
    start_by: datetime | str | None
    custom_id: str | None
    metadata: Mapping[str, object] | None
