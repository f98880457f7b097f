"""A model's answer, whole or in pieces."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import Literal

from pydantic import JsonValue

from reelqueue.qwen.cost import TextCost
from reelqueue.qwen.messages import AssistantMessage, AssistantPart, ReasoningPart, TextPart, ToolCallPart
from reelqueue.qwen.usage import Usage
from reelqueue.strict_json import read_json


class FinishReason(StrEnum):
    """How an answer ended; nothing else is an end."""

    STOP = "stop"
    """By itself, or at a stop sequence."""
    LENGTH = "length"
    """It reached the most tokens; the text is cut."""
    TOOL_CALLS = "tool_calls"
    """The model waits for the results of its calls."""


@dataclass(frozen=True, slots=True)
class ToolCall:
    """A function that the model wants called."""

    id: str
    name: str
    arguments: str
    """JSON text as the model wrote it: it may be no JSON, or miss the schema."""


@dataclass(frozen=True, slots=True)
class TextDelta:
    """The next piece of an answer."""

    kind: Literal["text", "reasoning", "tool_call"]
    text: str
    """Of a tool call: of its arguments."""
    index: int = 0
    """Of a tool call: which one."""


@dataclass(frozen=True, slots=True)
class Answer:
    """What came of one call; part of one where an error holds it."""

    model: str
    """As the service names it."""
    text: str
    reasoning: str
    """The thoughts."""
    tool_calls: tuple[ToolCall, ...]
    finish_reason: FinishReason | None
    """None in a part only."""
    usage: Usage | None
    """None where the service did not say it."""
    cost: TextCost | None
    """Without usage the most that it may have cost, marked as an estimate; None without a price."""
    request_id: str | None
    """The provider's id of the call, for its support."""

    def as_message(self) -> AssistantMessage:
        """The answer as a message of the conversation that goes on."""
        parts: list[AssistantPart] = []
        if self.reasoning:
            parts.append(ReasoningPart(text=self.reasoning))
        if self.text:
            parts.append(TextPart(text=self.text))
        parts += [_call_part(call) for call in self.tool_calls]
        return AssistantMessage(content=tuple(parts))


def _call_part(call: ToolCall) -> ToolCallPart:
    try:
        arguments: JsonValue = read_json(call.arguments)
    except ValueError:
        arguments = call.arguments  # as the text that it is: what is sent must be JSON
    return ToolCallPart(tool_call_id=call.id, tool_name=call.name, input=arguments)
