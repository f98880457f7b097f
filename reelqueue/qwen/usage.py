"""The tokens of a call, read leniently: an odd number must not lose an answer that was paid for."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Usage:
    """Tokens of one call."""

    prompt_tokens: int
    """All input, what was read from and written to the cache included."""
    completion_tokens: int
    """All output, thoughts included."""
    cached_tokens: int = 0
    """Of the input: read from the cache."""
    written_tokens: int = 0
    """Of the input: written to the cache."""
    reasoning_tokens: int = 0
    """Of the output: thoughts, where the service counts them."""
    has_thoughts: bool = False
    """Whether thoughts came, counted or not; their price may differ."""
    is_explicit_cache: bool = False
    """Whether a cache marker made the hit, which is cheaper than one by chance."""

    @property
    def plain_tokens(self) -> int:
        """Input at its plain price."""
        return max(self.prompt_tokens - self.cached_tokens - self.written_tokens, 0)

    @property
    def total_tokens(self) -> int:
        """Input and output."""
        return self.prompt_tokens + self.completion_tokens


def read_usage(document: object, *, thought: bool = False) -> Usage | None:
    """The usage of an answer; None where it says neither input nor output.

    Args:
        document: The ``usage`` object.
        thought: Whether thoughts came: some answers do not count them.
    """
    if not isinstance(document, Mapping):
        return None
    prompt, completion = _count(document.get("prompt_tokens")), _count(document.get("completion_tokens"))
    if prompt is None and completion is None:
        return None
    given, made = _object(document.get("prompt_tokens_details")), _object(document.get("completion_tokens_details"))
    written = _count(given.get("cache_creation_input_tokens"))
    if written is None:
        written = _count(_object(given.get("cache_creation")).get("ephemeral_5m_input_tokens"))
    reasoning = _count(made.get("reasoning_tokens")) or 0
    return Usage(
        prompt_tokens=prompt or 0,
        completion_tokens=completion or 0,
        cached_tokens=_count(given.get("cached_tokens")) or 0,
        written_tokens=written or 0,
        reasoning_tokens=reasoning,
        has_thoughts=thought or reasoning > 0,
        is_explicit_cache=given.get("cache_type") == "ephemeral",
    )


def _object(value: object) -> Mapping[str, object]:
    return value if isinstance(value, Mapping) else {}


def _count(value: object) -> int | None:
    """A number of tokens, also as a float or a text; None for anything else."""
    if isinstance(value, bool) or not isinstance(value, (int, float, str)):
        return None
    try:
        return max(int(float(value)), 0)
    except (ValueError, OverflowError):
        return None
