"""List prices per million tokens of the Qwen language models in Singapore (USD).

Sources: Alibaba Cloud Model Studio, model list of 24 February 2026 in CNY at its rate of 7.339, which agrees with
other tables in USD; for Qwen 3.8, pages of September 2026. What only resellers state says so by `is_official`.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from typing import Final

from reelqueue.catalog.price_list import SINGAPORE

_FEBRUARY: Final = date(2026, 2, 24)
_SEPTEMBER: Final = date(2026, 9, 1)

MILLION: Final = 1_000_000
_KI: Final = 1024


@dataclass(frozen=True, kw_only=True, slots=True)
class TextTier:
    """What a million tokens cost in a request whose prompt is not longer than the tier's bound."""

    prompt_tokens_max: int
    """All input of the request, what the cache holds included."""
    input: Decimal
    output: Decimal
    thinking_output: Decimal
    """Of the answer and the thoughts, where any thought came out."""


@dataclass(frozen=True, kw_only=True, slots=True)
class TextPrice:
    """What a model's tokens cost."""

    tiers: tuple[TextTier, ...]
    """From short prompts to long ones."""
    currency: str
    priced_on: date
    """Day of the page that said so, or the first of its month."""
    is_official: bool = True
    """False where only resellers' tables state it."""

    def tier(self, prompt_tokens: int) -> TextTier:
        """The tier of a request with so many tokens of input; the last one for more than any bound."""
        return next((tier for tier in self.tiers if prompt_tokens <= tier.prompt_tokens_max), self.tiers[-1])


def _tier(bound: int, plain_input: str, output: str, thinking: str | None = None) -> TextTier:
    return TextTier(
        prompt_tokens_max=bound,
        input=Decimal(plain_input),
        output=Decimal(output),
        thinking_output=Decimal(thinking or output),
    )


def _price(*tiers: TextTier, priced_on: date = _FEBRUARY, is_official: bool = True) -> TextPrice:
    return TextPrice(tiers=tiers, currency="USD", priced_on=priced_on, is_official=is_official)


_QWEN3_MAX: Final = _price(
    _tier(32 * _KI, "1.20", "6.00"), _tier(128 * _KI, "2.40", "12.00"), _tier(252 * _KI, "3.00", "15.00")
)

TEXT_PRICES: Final[Mapping[str, Mapping[str, TextPrice]]] = {
    SINGAPORE: {
        "qwen3-max": _QWEN3_MAX,
        "qwen3-max-2026-01-23": _QWEN3_MAX,
        "qwen-plus": _price(_tier(256 * _KI, "0.40", "1.20", "4.00"), _tier(MILLION, "1.20", "3.60", "12.00")),
        "qwen-flash": _price(_tier(256 * _KI, "0.05", "0.40"), _tier(MILLION, "0.25", "2.00")),
        "qwen-turbo": _price(_tier(MILLION, "0.05", "0.20", "0.50")),
        "qwen3.5-plus": _price(_tier(256 * _KI, "0.40", "2.40"), _tier(MILLION, "0.50", "3.00")),
        "qwen3.5-flash": _price(_tier(MILLION, "0.10", "0.40")),
        "qwen3-235b-a22b-thinking-2507": _price(_tier(128 * _KI, "0.23", "2.30")),
        "qwq-plus": _price(_tier(128 * _KI, "0.80", "2.40")),
        "qwen3.7-plus": _price(
            _tier(256 * _KI, "0.40", "1.60"),
            _tier(MILLION, "1.20", "4.80"),
            priced_on=_SEPTEMBER,
            is_official=False,
        ),
        "qwen3.7-max": _price(_tier(MILLION, "2.50", "7.50"), priced_on=_SEPTEMBER, is_official=False),
        "qwen3.8-max": _price(_tier(MILLION, "2.00", "6.00"), priced_on=_SEPTEMBER),
        "qwen3.8-max-0902": _price(_tier(MILLION, "2.00", "6.00"), priced_on=_SEPTEMBER),
        "qwen3.8-flash": _price(_tier(MILLION, "0.15", "0.47"), priced_on=_SEPTEMBER),
    }
}
"""Price by region and model."""
