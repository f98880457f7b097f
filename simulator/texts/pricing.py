"""What the tokens of an answer cost."""

from __future__ import annotations

from decimal import Decimal
from typing import Final

from reelqueue.catalog.text_price_list import TEXT_PRICES
from simulator.texts.completion import Tokens

_WRITTEN: Final = Decimal("1.25")
_READ: Final = Decimal("0.10")
_MILLION: Final = 1_000_000


def price_of(model: str, tokens: Tokens, region: str, *, is_batch: bool = False) -> tuple[Decimal, str] | None:
    """Amount and currency; ``None`` for a model that has no published price there.

    The whole prompt chooses the tier; what a marker read costs a tenth of plain input, what it wrote a quarter more;
    a batch costs half.
    """
    price = TEXT_PRICES.get(region, {}).get(model)
    if price is None:
        return None
    tier = price.tier(tokens.prompt)
    plain = tokens.prompt - tokens.cached - tokens.written
    given = plain * tier.input + tokens.cached * tier.input * _READ + tokens.written * tier.input * _WRITTEN
    made = tokens.completion * (tier.thinking_output if tokens.reasoning else tier.output)
    return (given + made) / _MILLION / (2 if is_batch else 1), price.currency
