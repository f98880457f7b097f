"""The price that counts: an operator's, else the provider's list, else the tables of the release.

Each tier is looked up by itself, so an operator may set one and leave the rest to the list. Prices are only ever added,
each with the moment from which it counts. What decides about money and must be repeatable later (the claim of a submit)
takes `hold_prices`: then every price of that moment or before is committed, and none will be added to it.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from decimal import Decimal
from typing import Final, cast
from uuid import UUID

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from models.model_list import ModelList
from models.model_price import ModelPrice
from reelqueue.catalog import Tier
from reelqueue.catalog.price_list import Price, Prices, PriceSource, released_prices

GONE_AFTER: Final = 2
"""Whole readings in a row without a model that was listed before, after which the list names it no more."""
_LOCK: Final = 0x5072_6963_6573
"""Of Postgres, held by a transaction that adds prices, and shared by those that need that none is added meanwhile."""


def hold_prices(session: Session) -> None:
    """Let no price be added until the end of this transaction; take the time before, or from a statement of its own."""
    session.execute(select(func.pg_advisory_xact_lock_shared(_LOCK)))


def lock_prices(session: Session) -> None:
    """Take the right to add prices until the end of this transaction; take the time after."""
    session.execute(select(func.pg_advisory_xact_lock(_LOCK)))


def known_prices(session: Session, account_id: UUID | None = None, *, at: datetime | None = None) -> Prices:
    """The prices that count, as `reelqueue.pricing` takes them.

    Args:
        session: To read with, for as long as the result is used.
        account_id: Whose list counts; None: of those of a region, the dearest.
        at: The moment; None: now.
    """
    return _Known(session, account_id, at)


@dataclass
class _Known:
    session: Session
    account_id: UUID | None
    at: datetime | None
    _found: dict[tuple[str, str], Sequence[Price]] = field(default_factory=dict)

    def __call__(self, model: str, region: str, /) -> Sequence[Price]:
        key = (model, region)
        if key not in self._found:
            stored = newest_prices(self.session, model, region, account_id=self.account_id, at=self.at)
            listed = [price for price in map(price_of, stored) if price.per_second]
            # Operators first; of several lists, the dearest.
            listed.sort(key=lambda price: (price.source != PriceSource.OPERATOR, -max(price.per_second.values())))
            self._found[key] = (*listed, *released_prices(model, region))
        return self._found[key]


def newest_prices(
    session: Session, model: str, region: str, *, account_id: UUID | None = None, at: datetime | None = None
) -> list[ModelPrice]:
    """The last row of each source about a model: the operator's, and each account's list or one's alone."""
    query = select(ModelPrice).where(ModelPrice.model == model, ModelPrice.region == region)
    if account_id is not None:
        query = query.where(ModelPrice.account_id.is_(None) | (ModelPrice.account_id == account_id))
    if at is not None:
        query = query.where(ModelPrice.from_at <= at)
    newest: dict[UUID | None, ModelPrice] = {}
    for row in session.scalars(query.order_by(ModelPrice.from_at, ModelPrice.id)):
        newest[row.account_id] = row
    return list(newest.values())


def price_of(row: ModelPrice) -> Price:
    """A stored price as a value."""
    silent = row.silent_per_second
    return Price(
        per_second=_amounts(row.per_second),
        silent_per_second=None if silent is None else _amounts(silent),
        priced_on=row.from_at.date(),
        source=row.source,
        currency=row.currency,
    )


def texts_of(amounts: Mapping[Tier, Decimal]) -> dict[str, str]:
    """Prices by tier as they are stored."""
    return {tier: f"{amount.normalize():f}" for tier, amount in sorted(amounts.items())}


def set_price(session: Session, row: ModelPrice) -> bool:
    """Add a price, unless its source says the same already; False: it does.

    Args:
        session: In a transaction that has called `lock_prices`, and then taken the time.
        row: New; it counts from its `from_at` on.
    """
    mine = (
        ModelPrice.account_id.is_not_distinct_from(row.account_id),
        ModelPrice.model == row.model,
        ModelPrice.region == row.region,
    )
    before = session.scalars(
        select(ModelPrice).where(*mine).order_by(ModelPrice.from_at.desc(), ModelPrice.id.desc()).limit(1)
    ).first()
    if before is None and not row.per_second and row.ends_at is None:
        return False
    if before is not None:
        if _said(before) == _said(row):
            return False
        # After a clock was set back, the new one counts all the same.
        row.from_at = max(row.from_at, before.from_at)
    session.add(row)
    session.flush()
    return True


def _said(row: ModelPrice) -> tuple[object, ...]:
    return row.currency, row.per_second, row.silent_per_second, row.ends_at


def _amounts(stored: Mapping[str, object]) -> dict[Tier, Decimal]:
    return {cast("Tier", tier): Decimal(str(amount)) for tier, amount in stored.items()}


def tiers_of(prices: Iterable[Price]) -> list[Tier]:
    """Every tier that one of the prices names."""
    return sorted({tier for price in prices for tier in price.per_second})


def ended_since(session: Session, account_id: UUID, region: str, model: str, now: datetime) -> datetime | None:
    """When a model ended at an account; None while its end lies ahead, is not known, or the list still names it.

    The list alone decides nothing: it may be cut. Nor does the date, as the provider may extend it.
    """
    found = session.get(ModelList, account_id)
    if found is None or int(found.missing.get(model, 0)) < GONE_AFTER:
        return None
    rows = newest_prices(session, model, region, account_id=account_id)
    ends_at = next((row.ends_at for row in rows if row.account_id is not None), None)
    return ends_at if ends_at is not None and ends_at <= now else None
