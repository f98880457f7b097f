"""Requests and tokens per minute of the language models, per main account and model.

Source: Alibaba Cloud Model Studio, rate limits page of Singapore, February 2026.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final


@dataclass(frozen=True, slots=True)
class TextLimits:
    """How much of a model an account may use."""

    requests_per_minute: int
    tokens_per_minute: int
    """Input and output."""

    def seconds_of(self, tokens: int) -> float:
        """How long one call with so many tokens takes up an account's share."""
        return max(60 / self.requests_per_minute, self.seconds_of_tokens(tokens))

    def seconds_of_tokens(self, tokens: int) -> float:
        """How long so many tokens take up an account's share."""
        return 60 * tokens / self.tokens_per_minute


_LIMITS: Final = {
    "qwen3-max": TextLimits(600, 1_000_000),
    "qwen-plus": TextLimits(600, 1_000_000),
    "qwen-plus-latest": TextLimits(600, 1_000_000),
    "qwen-flash": TextLimits(600, 5_000_000),
    "qwen-turbo": TextLimits(240, 100_000),
    "qwen3.5-plus": TextLimits(15_000, 5_000_000),
    "qwen3.5-flash": TextLimits(15_000, 5_000_000),
    "qwq-plus": TextLimits(60, 100_000),
}
"""Of qwen-plus, the limits of its alias ``-latest``: its own are not published."""

_UNKNOWN: Final = TextLimits(60, 100_000)
"""The lowest that is published for any model."""


def is_published(model: str) -> bool:
    """Whether the limits of a model are published; else `text_limits` assumes the lowest."""
    return model in _LIMITS


def text_limits(model: str) -> TextLimits:
    """The published limits of a model, or the lowest of all where nothing is published."""
    return _LIMITS.get(model, _UNKNOWN)
