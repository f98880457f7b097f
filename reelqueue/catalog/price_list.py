"""List prices per second of video, as published for Beijing (CNY) and Singapore (USD).

Only what Alibaba's own pages state is here; what is known from resellers, or differs between two pages
(the Virginia endpoint's global scope), has no price.

Source: Alibaba Cloud Model Studio, model pricing page, Chinese edition: Wan up to 2.7 as of April 2026,
Wan 3.0 and HappyHorse as of August 2026. The pages name no day.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from typing import Final

from reelqueue.catalog.spec import Tier

_APRIL: Final = date(2026, 4, 1)
_AUGUST: Final = date(2026, 8, 1)

BEIJING: Final = "cn-beijing"
SINGAPORE: Final = "ap-southeast-1"
VIRGINIA: Final = "us-east-1"

CURRENCY_BY_REGION: Final = {BEIJING: "CNY", SINGAPORE: "USD", VIRGINIA: "USD"}


@dataclass(frozen=True, kw_only=True)
class Price:
    """What a second of video costs, in the region's currency."""

    per_second: Mapping[Tier, Decimal]
    silent_per_second: Mapping[Tier, Decimal] | None = None
    """With ``audio=False``, where that is cheaper."""
    priced_on: date
    """First day of the month whose page said so."""


def _tiers(small: str | None, middle: str | None, large: str | None) -> dict[Tier, Decimal]:
    amounts: dict[Tier, str | None] = {"480P": small, "720P": middle, "1080P": large}
    return {tier: Decimal(amount) for tier, amount in amounts.items() if amount is not None}


def _price(small: str | None, middle: str | None, large: str | None, *, silent: tuple[str, str] | None = None) -> Price:
    silent_tiers = _tiers(None, *silent) if silent else None
    return Price(per_second=_tiers(small, middle, large), silent_per_second=silent_tiers, priced_on=_APRIL)


def _later(small: str | None, middle: str, large: str) -> Price:
    return Price(per_second=_tiers(small, middle, large), priced_on=_AUGUST)


_BEIJING: Final[Mapping[str, Price]] = {
    "wan2.7-t2v": _price(None, "0.6", "1.0"),
    "wan2.7-t2v-2026-04-25": _price(None, "0.6", "1.0"),
    "wan2.7-t2v-2026-06-12": _price(None, "0.6", "1.0"),
    "wan2.7-i2v": _price(None, "0.6", "1.0"),
    "wan2.7-i2v-2026-04-25": _price(None, "0.6", "1.0"),
    "wan2.7-r2v": _price(None, "0.6", "1.0"),
    "wan2.7-r2v-2026-06-12": _price(None, "0.6", "1.0"),
    "wan2.7-videoedit": _price(None, "0.6", "1.0"),
    "wan2.6-t2v": _price(None, "0.6", "1.0"),
    "wan2.6-i2v": _price(None, "0.6", "1.0"),
    "wan2.6-r2v": _price(None, "0.6", "1.0"),
    "wan2.6-i2v-flash": _price(None, "0.3", "0.5", silent=("0.15", "0.25")),
    "wan2.6-r2v-flash": _price(None, "0.3", "0.5", silent=("0.15", "0.25")),
    "wan2.5-t2v-preview": _price("0.3", "0.6", "1.0"),
    "wan2.5-i2v-preview": _price("0.3", "0.6", "1.0"),
    "wan2.2-t2v-plus": _price("0.14", None, "0.70"),
    "wan2.2-i2v-plus": _price("0.14", None, "0.70"),
    "wan2.2-i2v-flash": _price("0.10", "0.20", "0.48"),
    "wan2.2-kf2v-flash": _price("0.10", "0.20", "0.48"),
    "wanx2.1-t2v-turbo": _price("0.24", "0.24", None),
    "wan2.1-i2v-turbo": _price("0.24", "0.24", None),
    "wanx2.1-t2v-plus": _price(None, "0.70", None),
    "wan2.1-i2v-plus": _price(None, "0.70", None),
    "wan2.1-kf2v-plus": _price(None, "0.70", None),
    "wan3.0-video": _later("0.3", "0.6", "1.2"),
    "wan3.0-video-prime": _later("0.45", "0.9", "1.8"),
    "happyhorse-1.0-t2v": _later(None, "0.9", "1.6"),
    "happyhorse-1.0-i2v": _later(None, "0.9", "1.6"),
    "happyhorse-1.0-r2v": _later(None, "0.9", "1.6"),
    "happyhorse-1.0-video-edit": _later(None, "0.9", "1.6"),
    "happyhorse-1.1-t2v": _later(None, "0.9", "1.2"),
    "happyhorse-1.1-i2v": _later(None, "0.9", "1.2"),
    "happyhorse-1.1-r2v": _later(None, "0.9", "1.2"),
}

# Dated snapshots cost slightly other sums in Singapore, so they have no price here.
_SINGAPORE: Final[Mapping[str, Price]] = {
    "wan2.7-t2v": _price(None, "0.10", "0.15"),
    "wan2.7-i2v": _price(None, "0.10", "0.15"),
    "wan2.7-r2v": _price(None, "0.10", "0.15"),
    "wan2.7-videoedit": _price(None, "0.10", "0.15"),
    "wan2.6-t2v": _price(None, "0.10", "0.15"),
    "wan2.6-i2v": _price(None, "0.10", "0.15"),
    "wan2.6-r2v": _price(None, "0.10", "0.15"),
    "wan2.6-i2v-flash": _price(None, "0.05", "0.075", silent=("0.025", "0.0375")),
    "wan2.6-r2v-flash": _price(None, "0.05", "0.075", silent=("0.025", "0.0375")),
    "wan2.5-t2v-preview": _price("0.05", "0.10", "0.15"),
    "wan2.5-i2v-preview": _price("0.05", "0.10", "0.15"),
    "wan2.2-t2v-plus": _price("0.02", None, "0.10"),
    "wan2.2-i2v-plus": _price("0.02", None, "0.10"),
    "wan2.2-i2v-flash": _price("0.015", "0.036", None),
    "wan2.1-t2v-turbo": _price("0.036", "0.036", None),
    "wan2.1-i2v-turbo": _price("0.036", "0.036", None),
    "wan2.1-t2v-plus": _price(None, "0.10", None),
    "wan2.1-i2v-plus": _price(None, "0.10", None),
    "wan2.1-kf2v-plus": _price(None, "0.10", None),
}

_VIRGINIA: Final[Mapping[str, Price]] = {
    "wan2.6-t2v-us": _price(None, "0.10", "0.15"),
    "wan2.6-i2v-us": _price(None, "0.10", "0.15"),
}

PRICES: Final[Mapping[str, Mapping[str, Price]]] = {
    BEIJING: _BEIJING,
    SINGAPORE: _SINGAPORE,
    VIRGINIA: _VIRGINIA,
}
"""Price by region and model."""
