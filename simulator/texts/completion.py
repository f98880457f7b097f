"""An answer and its tokens."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Literal

from simulator.errors import WireError

FinishWord = Literal["stop", "length", "tool_calls"]


@dataclass(frozen=True, slots=True)
class WrittenCall:
    """A call of a function."""

    name: str
    arguments: str
    """JSON text, or what a model may write in its place."""


@dataclass(frozen=True, slots=True)
class Written:
    """What a model has written."""

    text: str = ""
    reasoning: str = ""
    calls: tuple[WrittenCall, ...] = ()
    finish: FinishWord = "stop"
    refused: WireError | None = None
    """Moderation of what was written, after it was paid for."""


@dataclass(frozen=True, slots=True)
class Tokens:
    """What is billed."""

    prompt: int
    """All input, what the cache gave and got included."""
    cached: int
    written: int
    completion: int
    """All output, thoughts included."""
    reasoning: int

    def usage(self) -> dict[str, Any]:
        """As the service says it."""
        details: dict[str, Any] = {"cached_tokens": self.cached}
        if self.cached or self.written:
            details |= {"cache_creation_input_tokens": self.written, "cache_type": "ephemeral"}
        return {
            "prompt_tokens": self.prompt,
            "completion_tokens": self.completion,
            "total_tokens": self.prompt + self.completion,
            "prompt_tokens_details": details,
            "completion_tokens_details": {"reasoning_tokens": self.reasoning},
        }


@dataclass(frozen=True, slots=True)
class Completion:
    """One answer, billed."""

    completion_id: str
    created_s: int
    model: str
    written: Written
    tokens: Tokens
