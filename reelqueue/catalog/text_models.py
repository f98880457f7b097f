"""What is known about each Qwen language model: whether it thinks, how long its texts may be, what it takes.

Source: Alibaba Cloud Model Studio, pages on deep thinking, structured output and models, February to November 2026.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from enum import StrEnum
from typing import Final


class Thinking(StrEnum):
    """Whether a model thinks before it answers."""

    NEVER = "never"
    """It refuses the option."""
    OFF = "off"
    """Only when told to."""
    ON = "on"
    """Unless told not to."""
    ALWAYS = "always"
    """It cannot be told not to."""
    UNKNOWN = "unknown"
    """Nothing is published about the id."""

    @property
    def is_optional(self) -> bool:
        """Whether a request decides it."""
        return self in {Thinking.OFF, Thinking.ON}


@dataclass(frozen=True, kw_only=True, slots=True)
class TextModel:
    """The facts about one model; None where nothing is published."""

    id: str
    thinking: Thinking
    input_tokens_max: int | None = None
    thinking_tokens_max: int | None = None
    output_tokens_max: int | None = None
    """Of the answer, without the thoughts."""
    thinks_in_streams_only: bool = False
    """A whole answer with thinking is refused."""
    has_schema_mode: bool = False
    """It takes a JSON schema; any other is told the schema in words, in JSON-object mode."""
    preserves_thinking: bool = False
    """It wants to see its earlier thoughts."""
    is_text_only: bool = False
    """It sees no pictures."""


@dataclass(frozen=True, slots=True)
class _Lengths:
    input: int
    thinking: int | None
    output: int


_LENGTHS: Final = {
    "qwen3-max": _Lengths(258_048, 81_920, 65_536),
    "qwen3-max-2026-01-23": _Lengths(258_048, 81_920, 65_536),
    "qwen-plus": _Lengths(997_952, 81_920, 32_768),
    "qwen-flash": _Lengths(997_952, 81_920, 32_768),
    "qwen-turbo": _Lengths(1_000_000, None, 16_384),
    "qwen3.5-plus": _Lengths(991_808, 81_920, 65_536),
    "qwen3.5-flash": _Lengths(991_808, 81_920, 65_536),
    "qwen3-235b-a22b-thinking-2507": _Lengths(131_072, 81_920, 32_768),
    "qwq-plus": _Lengths(98_304, 32_768, 8_192),
    "qwen3.7-plus": _Lengths(991_808, 262_144, 65_536),
    "qwen3.7-max": _Lengths(991_808, 262_144, 65_536),
    "qwen3.8-max": _Lengths(991_808, 262_144, 131_072),
    "qwen3.8-max-0902": _Lengths(991_808, 262_144, 131_072),
    "qwen3.8-flash": _Lengths(991_808, 262_144, 131_072),
}

_OPEN_HYBRIDS: Final = r"qwen3-(?:235b-a22b|32b|30b-a3b|14b|8b|4b|1\.7b|0\.6b)"
_STREAMS_ONLY: Final = re.compile(rf"qwq-.*|qwq|qvq-.*|.*-omni-.*|{_OPEN_HYBRIDS}")

# The first pattern that an id matches whole decides, so exceptions stand before their families.
_THINKING: Final = tuple(
    (re.compile(pattern), thinking)
    for pattern, thinking in (
        (r"qwen3-max-2025-09-23|.*-instruct-2507|qwen-max|qwen3-coder-.*", Thinking.NEVER),
        (r"qwen3-(?:235b-a22b|30b-a3b)-thinking-2507|qwen3-next-80b-a3b-thinking|qwq-.*|qwq", Thinking.ALWAYS),
        (r"qwen3\.7-max-(?:2026-05-17|preview)", Thinking.ALWAYS),
        (r"qwen3-max(?:-preview|-2026-01-23)?|qwen-turbo(?:-latest)?", Thinking.OFF),
        (r"qwen-(?:plus|flash)(?:-latest|-2025-(?:0[4-9]|1[0-2])-\d\d|-us|-2026-\d\d-\d\d)?", Thinking.OFF),
        (rf"qwen3\.[5-8]-.*|{_OPEN_HYBRIDS}", Thinking.ON),
    )
)
_TEXT_ONLY: Final = re.compile(r"qwen-(?:plus|flash|turbo|max)(?:-.*)?|qwen3-(?:max|coder).*|qwq.*")

# Found by two clients that were made against the live service (September 2026).
_SCHEMA_FAMILIES: Final = ("qwen3.7-plus", "qwen3.7-flash", "qwen3.7-max", "qwen3.8-max", "qwen3.8-flash")

_PRESERVING: Final = frozenset(
    {
        "kimi-k2.7-code",
        "qwen3.6-max-preview",
        "qwen3.6-plus",
        "qwen3.6-plus-2026-04-02",
        "qwen3.7-flash",
        "qwen3.7-flash-2026-07-15",
        "qwen3.7-max",
        "qwen3.7-max-2026-05-17",
        "qwen3.7-max-2026-05-20",
        "qwen3.7-max-2026-06-08",
        "qwen3.7-max-preview",
        "qwen3.7-plus",
        "qwen3.7-plus-2026-05-26",
        "qwen3.8-flash",
        "qwen3.8-max",
        "qwen3.8-max-0902",
    }
)

TEXT_MODEL_IDS: Final = tuple(_LENGTHS)
"""Ids whose lengths are published."""


def text_model(model_id: str) -> TextModel:
    """What is known about a model; any id is one."""
    lengths = _LENGTHS.get(model_id)
    return TextModel(
        id=model_id,
        thinking=next((kind for pattern, kind in _THINKING if pattern.fullmatch(model_id)), Thinking.UNKNOWN),
        input_tokens_max=lengths.input if lengths else None,
        thinking_tokens_max=lengths.thinking if lengths else None,
        output_tokens_max=lengths.output if lengths else None,
        thinks_in_streams_only=_STREAMS_ONLY.fullmatch(model_id) is not None,
        has_schema_mode=any(model_id == family or model_id.startswith(f"{family}-") for family in _SCHEMA_FAMILIES),
        preserves_thinking=model_id in _PRESERVING,
        is_text_only=_TEXT_ONLY.fullmatch(model_id) is not None,
    )
