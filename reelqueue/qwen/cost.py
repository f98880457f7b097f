"""Tokens as money: what a call may cost before it is sent, and what it has cost."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from typing import Any, Final

from reelqueue.catalog.text_models import Thinking, text_model
from reelqueue.catalog.text_price_list import MILLION, TEXT_PRICES, TextPrice
from reelqueue.qwen.usage import Usage

_WRITTEN: Final = Decimal("1.25")
_READ_EXPLICIT: Final = Decimal("0.10")
_READ_IMPLICIT: Final = Decimal("0.20")
"""Prices of the context cache in terms of plain input (Model Studio, context cache, February 2026: "typically")."""

_MESSAGE_TOKENS: Final = 16
"""More than the frame of any message has."""
_PICTURE_TOKENS: Final = 16_384
"""The most that a picture is cut into (Model Studio, visual understanding)."""
_OUTPUT_TOKENS: Final = 131_072
_THINKING_TOKENS: Final = 262_144
"""The longest of any model, for those whose lengths are not published."""


@dataclass(frozen=True, slots=True)
class TextCost:
    """Money for one or more calls."""

    amount: Decimal
    currency: str
    priced_on: date
    """Day of the price list."""
    is_estimate: bool = False
    """True for the most that something may have cost, where nothing says what it did."""

    def __add__(self, other: TextCost) -> TextCost:
        if self.currency != other.currency:
            raise ValueError(f"{self.currency} and {other.currency} have no sum")
        return TextCost(
            self.amount + other.amount,
            self.currency,
            min(self.priced_on, other.priced_on),
            self.is_estimate or other.is_estimate,
        )


def price_of(model: str, region: str) -> TextPrice | None:
    """The published price of a model in a region; None where there is none."""
    return TEXT_PRICES.get(region, {}).get(model)


def cost_of(usage: Usage, price: TextPrice) -> TextCost:
    """What a call with this usage has cost."""
    tier = price.tier(usage.prompt_tokens)
    read = _READ_EXPLICIT if usage.is_explicit_cache else _READ_IMPLICIT
    input_tokens = usage.plain_tokens + _WRITTEN * usage.written_tokens + read * usage.cached_tokens
    output = tier.thinking_output if usage.has_thoughts else tier.output
    amount = (input_tokens * tier.input + usage.completion_tokens * output) / MILLION
    return TextCost(amount, price.currency, price.priced_on)


def most_it_may_cost(body: Mapping[str, Any], price: TextPrice | None) -> TextCost | None:
    """The most that a call with this body may cost; None without a price.

    A token has one byte or more, so a text's bytes bound its tokens.
    """
    if price is None:
        return None
    model = text_model(str(body["model"]))
    prompt = _prompt_tokens_max(body)
    if model.input_tokens_max is not None:
        prompt = min(prompt, model.input_tokens_max)
    thinks = model.thinking is Thinking.ALWAYS or (
        body.get("enable_thinking", model.thinking is not Thinking.OFF) and model.thinking is not Thinking.NEVER
    )
    output = body.get("max_tokens") or model.output_tokens_max or _OUTPUT_TOKENS
    thoughts = (body.get("thinking_budget") or model.thinking_tokens_max or _THINKING_TOKENS) if thinks else 0
    tier = price.tier(prompt)
    per_output = max(tier.output, tier.thinking_output) if thinks else tier.output
    per_input = tier.input * (_WRITTEN if _has_marker(body) else 1)
    amount = (prompt * per_input + (output + thoughts) * per_output) / MILLION
    return TextCost(amount, price.currency, price.priced_on, is_estimate=True)


def _prompt_tokens_max(body: Mapping[str, Any]) -> int:
    messages = [_without_pictures(message) for message in body["messages"]]
    texts = json.dumps([messages, body.get("tools"), body.get("response_format")], ensure_ascii=False)
    pictures = sum(1 for part in _parts(body) if part["type"] == "image_url")
    return len(texts.encode()) + _MESSAGE_TOKENS * len(messages) + _PICTURE_TOKENS * pictures


def _without_pictures(message: Mapping[str, Any]) -> Mapping[str, Any]:
    if not isinstance(message["content"], list):
        return message
    return {**message, "content": [part for part in message["content"] if part["type"] != "image_url"]}


def _parts(body: Mapping[str, Any]) -> list[Mapping[str, Any]]:
    return [part for message in body["messages"] if isinstance(message["content"], list) for part in message["content"]]


def _has_marker(body: Mapping[str, Any]) -> bool:
    return any("cache_control" in part for part in _parts(body))
