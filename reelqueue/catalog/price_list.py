"""List prices per second of video, as published for Beijing (CNY) and Singapore (USD).

They count until the provider's own list or an operator says better (:mod:`models.operations.money.prices`). What
Alibaba's own pages state is a price of the release. What only resellers state (Wan 3.0 and HappyHorse in Singapore) is
an estimate, and marked as such. What differs between two pages (the Virginia endpoint's global scope) has no price.

Source: Alibaba Cloud Model Studio, model pricing page, Chinese edition: Wan up to 2.7 as of April 2026,
Wan 3.0 and HappyHorse as of August 2026. The pages name no day. Estimates: price pages of resellers, November 2026.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from enum import StrEnum
from typing import Final

from reelqueue.catalog.spec import Tier

_APRIL: Final = date(2026, 4, 1)
_AUGUST: Final = date(2026, 8, 1)
_NOVEMBER: Final = date(2026, 11, 1)

BEIJING: Final = "cn-beijing"
SINGAPORE: Final = "ap-southeast-1"
VIRGINIA: Final = "us-east-1"

CURRENCY_BY_REGION: Final = {BEIJING: "CNY", SINGAPORE: "USD", VIRGINIA: "USD"}


class PriceSource(StrEnum):
    """Where a price is from."""

    OPERATOR = "operator"
    """An operator has set it."""
    PROVIDER = "provider"
    """The provider's own list."""
    RELEASE = "release"
    """The table in this file, from the provider's pages."""
    ESTIMATE = "estimate"
    """The table in this file, from resellers' pages."""


@dataclass(frozen=True, kw_only=True)
class Price:
    """What a second of video costs by one source."""

    per_second: Mapping[Tier, Decimal]
    silent_per_second: Mapping[Tier, Decimal] | None = None
    """With ``audio=False``, where that is cheaper."""
    priced_on: date
    """The day on which it was set or first read; of a table, the first day of the month whose page said so."""
    source: PriceSource = PriceSource.RELEASE
    currency: str | None = None
    """ISO 4217 code; None: the region's."""

    def of(self, tier: Tier, *, is_silent: bool) -> Decimal | None:
        """The price of a second of one tier; None where this source has none."""
        by_tier = self.silent_per_second if is_silent and self.silent_per_second else self.per_second
        return by_tier.get(tier, self.per_second.get(tier))


@dataclass(frozen=True, kw_only=True)
class Rate:
    """The price of a second that counts, and where it is from."""

    per_second: Decimal
    currency: str
    source: PriceSource
    priced_on: date


Prices = Callable[[str, str], Sequence[Price]]
"""The prices of a model in a region: of what several sources say of a tier, the first counts."""


def _tiers(small: str | None, middle: str | None, large: str | None) -> dict[Tier, Decimal]:
    amounts: dict[Tier, str | None] = {"480P": small, "720P": middle, "1080P": large}
    return {tier: Decimal(amount) for tier, amount in amounts.items() if amount is not None}


def _price(small: str | None, middle: str | None, large: str | None, *, silent: tuple[str, str] | None = None) -> Price:
    silent_tiers = _tiers(None, *silent) if silent else None
    return Price(per_second=_tiers(small, middle, large), silent_per_second=silent_tiers, priced_on=_APRIL)


def _later(small: str | None, middle: str, large: str) -> Price:
    return Price(per_second=_tiers(small, middle, large), priced_on=_AUGUST)


def _estimate(small: str | None, middle: str, large: str) -> Price:
    return Price(per_second=_tiers(small, middle, large), priced_on=_NOVEMBER, source=PriceSource.ESTIMATE)


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
    "wan3.0-video": _estimate("0.05", "0.10", "0.20"),
    "wan3.0-video-prime": _estimate("0.068", "0.14", "0.28"),
    "happyhorse-1.0-t2v": _estimate(None, "0.14", "0.24"),
    "happyhorse-1.0-i2v": _estimate(None, "0.14", "0.24"),
    "happyhorse-1.0-r2v": _estimate(None, "0.14", "0.24"),
    "happyhorse-1.0-video-edit": _estimate(None, "0.14", "0.24"),
    "happyhorse-1.1-t2v": _estimate(None, "0.14", "0.18"),
    "happyhorse-1.1-i2v": _estimate(None, "0.14", "0.18"),
    "happyhorse-1.1-r2v": _estimate(None, "0.14", "0.18"),
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


def released_prices(model: str, region: str) -> Sequence[Price]:
    """The price of a model in the tables of this release: what is known without a server."""
    price = PRICES.get(region, {}).get(model)
    return () if price is None else (price,)


def rate_of(prices: Iterable[Price], tier: Tier, region: str, *, is_silent: bool) -> Rate | None:
    """The first price that one of the sources has for a tier; None where none has one."""
    for price in prices:
        amount, currency = price.of(tier, is_silent=is_silent), price.currency or CURRENCY_BY_REGION.get(region)
        if amount is not None and currency is not None:
            return Rate(per_second=amount, currency=currency, source=price.source, priced_on=price.priced_on)
    return None


def dearest_rate(prices: Iterable[Price], region: str) -> Rate | None:
    """The most that a second costs at any tier; None where no source has a price."""
    listed = list(prices)
    tiers = {tier for price in listed for tier in price.per_second}
    rates = (rate_of(listed, tier, region, is_silent=False) for tier in sorted(tiers))
    return max((rate for rate in rates if rate is not None), key=lambda rate: rate.per_second, default=None)
