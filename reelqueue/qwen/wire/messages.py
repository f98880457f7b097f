"""A conversation as the list of messages that the service gets."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Final, TypeAlias

from reelqueue.qwen.messages import (
    AssistantMessage,
    ImagePart,
    Message,
    SystemMessage,
    TextPart,
    ToolCallPart,
    ToolMessage,
    UserMessage,
)
from reelqueue.qwen.wire.images import image_url
from reelqueue.qwen.wire.json_text import json_text

Section: TypeAlias = dict[str, Any]

_MARKER: Final = {"type": "ephemeral"}


def wire_messages(conversation: Sequence[Message], *, keeps_thoughts: bool) -> list[Section]:
    """The messages of a request's body.

    Args:
        conversation: Oldest first.
        keeps_thoughts: Whether thoughts of earlier turns go along; those of the current one always do.

    Raises:
        InvalidRequestError: A picture cannot be sent.
    """
    last_question = max((at for at, message in enumerate(conversation) if isinstance(message, UserMessage)), default=-1)
    sent: list[Section] = []
    for at, message in enumerate(conversation):
        match message:
            case SystemMessage():
                sent.append({"role": "system", "content": _text(message.content, message.cache_control)})
            case UserMessage():
                sent.append({"role": "user", "content": _user_parts(message)})
            case AssistantMessage():
                sent += _assistant(message, keeps_thoughts=keeps_thoughts or at > last_question)
            case ToolMessage():
                sent += _tool_results(message)
    return sent


def _text(text: str, marker: str | None) -> str | list[Section]:
    """A text as it is, or the one part that a cache marker needs."""
    return [{"type": "text", "text": text, "cache_control": _MARKER}] if marker else text


def _user_parts(message: UserMessage) -> list[Section]:
    if isinstance(message.content, str):
        return [_part(TextPart(text=message.content), message.cache_control)]
    # An empty text says nothing, and a list may hold nothing else.
    kept = [part for part in message.content if not (isinstance(part, TextPart) and not part.text)]
    return [
        _part(part, part.cache_control or (message.cache_control if at == len(kept) - 1 else None))
        for at, part in enumerate(kept)
    ]


def _part(part: TextPart | ImagePart, marker: str | None) -> Section:
    content: Section = (
        {"type": "text", "text": part.text}
        if isinstance(part, TextPart)
        else {"type": "image_url", "image_url": {"url": image_url(part)}}
    )
    return content | ({"cache_control": _MARKER} if marker else {})


def _assistant(message: AssistantMessage, *, keeps_thoughts: bool) -> list[Section]:
    text, thoughts, calls = "", "", list[Section]()
    for part in (TextPart(text=message.content),) if isinstance(message.content, str) else message.content:
        if isinstance(part, TextPart):
            text += part.text
        elif isinstance(part, ToolCallPart):
            calls.append(_call(part))
        elif keeps_thoughts:
            thoughts += part.text
    if not (text or thoughts or calls):
        return []
    content = _text(text, message.cache_control) if text or calls else None
    return [
        {
            "role": "assistant",
            "content": content or None,
            **({"reasoning_content": thoughts} if thoughts else {}),
            **({"tool_calls": calls} if calls else {}),
        }
    ]


def _call(part: ToolCallPart) -> Section:
    function = {"name": part.tool_name, "arguments": json_text(part.input)}
    return {"id": part.tool_call_id, "type": "function", "function": function}


def _tool_results(message: ToolMessage) -> list[Section]:
    last = len(message.content) - 1
    return [
        {
            "role": "tool",
            "tool_call_id": part.tool_call_id,
            "content": _text(
                part.output if isinstance(part.output, str) else json_text(part.output),
                part.cache_control or (message.cache_control if at == last else None),
            ),
        }
        for at, part in enumerate(message.content)
    ]
