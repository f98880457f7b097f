"""What a succeeded task costs."""

from __future__ import annotations

from collections.abc import Mapping
from decimal import Decimal
from types import MappingProxyType
from typing import Final

from reelqueue.catalog.price_list import CURRENCY_BY_REGION, PRICES
from simulator.tasks import Outcome

_NONE: Final[Mapping[str, Mapping[str, str]]] = MappingProxyType({})


def price_of(
    model: str, outcome: Outcome, region: str, listed: Mapping[str, Mapping[str, str]] = _NONE
) -> tuple[Decimal, str] | None:
    """Amount and currency of a succeeded task; ``None`` for a model that has no price there.

    Billed seconds times the price of a second at the task's tier. Input seconds cost what output seconds do.

    Args:
        model: Its id.
        outcome: What is billed.
        region: Whose prices, where *listed* has none.
        listed: Prices by model and type, as the list of models has them.
    """
    prices = listed.get(model) or listed_prices(model, region)
    is_silent = outcome.clip is not None and not outcome.clip.has_audio
    sound = prices.get(f"video_ratio_{outcome.tier.lower()}")
    amount = prices.get(f"{outcome.tier}_no_audio", sound) if is_silent else sound
    return None if amount is None else (Decimal(amount) * outcome.billed_seconds, CURRENCY_BY_REGION[region])


def listed_prices(model: str, region: str) -> dict[str, str]:
    """The published price of a second by type, as the list of models spells them."""
    price = PRICES.get(region, {}).get(model)
    if price is None:
        return {}
    sound = {f"video_ratio_{tier.lower()}": f"{amount:f}" for tier, amount in price.per_second.items()}
    silent = price.silent_per_second or {}
    return sound | {f"{tier}_no_audio": f"{amount:f}" for tier, amount in silent.items()}
