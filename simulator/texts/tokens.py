"""Token counts that are the same in every run: four characters each."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

CHARACTERS_PER_TOKEN: Final = 4
_PICTURE_TOKENS: Final = 256


@dataclass(frozen=True, slots=True)
class Block:
    """A piece of input that the cache may end at."""

    content: str
    tokens: int
    is_marked: bool


def count(text: str) -> int:
    """Tokens of a text."""
    return -(-len(text) // CHARACTERS_PER_TOKEN)


def cut(text: str, tokens: int) -> str:
    """The first *tokens* of a text."""
    return text[: tokens * CHARACTERS_PER_TOKEN]


def blocks_of(body: Mapping[str, Any]) -> list[Block]:
    """The input of a body in its order: the tools, then each part of each message."""
    tools = body.get("tools")
    found = [_block(json.dumps(tools, sort_keys=True), None)] if tools else []
    for message in body["messages"]:
        content, head = message.get("content"), str(message.get("role"))
        extra = json.dumps([message.get("tool_calls"), message.get("reasoning_content")]) if _has_more(message) else ""
        parts = content if isinstance(content, list) else [{"type": "text", "text": content or ""}]
        found += [_block(f"{head}:{_words(part)}", part) for part in parts]
        if extra:
            found.append(_block(extra, None))
    return found


def _has_more(message: Mapping[str, Any]) -> bool:
    return bool(message.get("tool_calls") or message.get("reasoning_content"))


def _words(part: Mapping[str, Any]) -> str:
    return str(part.get("text")) if part.get("type") == "text" else json.dumps(part.get("image_url"))


def _block(content: str, part: Mapping[str, Any] | None) -> Block:
    is_picture = part is not None and part.get("type") == "image_url"
    is_marked = part is not None and part.get("cache_control") == {"type": "ephemeral"}
    return Block(content, _PICTURE_TOKENS if is_picture else count(content), is_marked)
