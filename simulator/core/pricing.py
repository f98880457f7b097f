"""What a succeeded task costs."""

from __future__ import annotations

from decimal import Decimal
from typing import cast

from reelqueue.catalog import Tier
from reelqueue.catalog.price_list import CURRENCY_BY_REGION, PRICES
from simulator.tasks import Outcome


def price_of(model: str, outcome: Outcome, region: str) -> tuple[Decimal, str] | None:
    """Amount and currency of a succeeded task; ``None`` for a model that has no published price there.

    Billed seconds times the price of a second at the task's tier. Input seconds cost what output seconds do.
    """
    price = PRICES.get(region, {}).get(model)
    if price is None:
        return None
    is_silent = outcome.clip is not None and not outcome.clip.has_audio
    per_second = price.silent_per_second if is_silent and price.silent_per_second else price.per_second
    amount = per_second.get(cast("Tier", outcome.tier))
    return None if amount is None else (amount * outcome.billed_seconds, CURRENCY_BY_REGION[region])
