"""An operator's file of prices: read strictly, stored whole or not at all.

What a file set before and does not name any more is cleared. A file that the settings name is read every few minutes,
so it decides about the models that it names, whatever a command has set meanwhile.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from pathlib import Path
from typing import Annotated, Any, Final, Literal, cast

import structlog
import yaml
from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, Field, ValidationError
from sqlalchemy import select
from sqlalchemy.orm import Session

from models.model_price import ModelPrice
from models.operations.money.prices import lock_prices, set_price, texts_of
from reelqueue.catalog import Tier
from reelqueue.catalog.price_list import CURRENCY_BY_REGION, PriceSource
from reelqueue.errors import ConfigurationError
from workers.runtime.context import Context

log = structlog.get_logger(__name__)

_BYTES_MAX: Final = 1024 * 1024
_MOST: Final = Decimal(1000)
"""A second; above it, a digit or the unit is wrong."""


def _as_text(value: object) -> object:
    """YAML reads 0.1 as a binary fraction; its shortest text is what was written."""
    if isinstance(value, bool):
        raise ValueError("must be an amount such as 0.10")  # noqa: TRY004 - pydantic reports these
    return str(value) if isinstance(value, int | float) else value


def _is_price(amount: Decimal) -> Decimal:
    if not amount.is_finite() or not 0 < amount <= _MOST:
        raise ValueError(f"must be above 0 and at most {_MOST} a second, not {amount}")
    return amount


def _upper(tiers: object) -> object:
    return {str(tier).upper(): amount for tier, amount in tiers.items()} if isinstance(tiers, dict) else tiers


Amount = Annotated[Decimal, BeforeValidator(_as_text), AfterValidator(_is_price)]
Tiers = Annotated[dict[Tier, Amount], BeforeValidator(_upper), Field(min_length=1)]


class OperatorPrice(BaseModel):
    """What an operator says that a second of a model's video costs."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    model: Annotated[str, Field(min_length=1, max_length=200)]
    region: Annotated[str, Field(min_length=1, max_length=100)]
    currency: Annotated[str, Field(pattern=r"^[A-Z]{3}$")]
    unit: Literal["second"] = "second"
    per_second: Tiers
    silent_per_second: Tiers | None = None

    def check_currency(self) -> None:
        """Refuse another currency than the region bills in.

        Raises:
            ConfigurationError: It is one.
        """
        billed = CURRENCY_BY_REGION.get(self.region)
        if billed not in {None, self.currency}:
            raise ConfigurationError(
                f"prices: {self.model}: {self.region} bills in {billed}, not in {self.currency}; nothing is "
                f"converted, so give the price in {billed}"
            )


class _File(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)

    prices: list[OperatorPrice]


@dataclass(frozen=True)
class Imported:
    """What an import changed."""

    set_count: int
    cleared_count: int


def read_prices(path: Path) -> list[OperatorPrice]:
    """The prices of a YAML file.

    Raises:
        ConfigurationError: It cannot be read, or says something that is no price; names the place.
    """
    try:
        if path.stat().st_size > _BYTES_MAX:
            raise ConfigurationError(f"prices: {path.name} has more than {_BYTES_MAX} bytes")
        document = yaml.safe_load(path.read_text(encoding="utf-8"))
        found = _File.model_validate(document).prices
    except (OSError, UnicodeDecodeError, yaml.YAMLError) as error:
        raise ConfigurationError(f"prices: {path.name} cannot be read: {error}") from error
    except ValidationError as error:
        raise ConfigurationError(f"prices: {path.name}: {_first(error, document)}; nothing of it is used") from error
    named = [(one.model, one.region) for one in found]
    for one in found:
        one.check_currency()
        if named.count((one.model, one.region)) > 1:
            raise ConfigurationError(f"prices: {path.name} names {one.model} in {one.region} twice; keep one")
    return found


def import_prices(context: Context, path: Path) -> Imported:
    """Store what a file says; what it said before and says no more is cleared.

    Raises:
        ConfigurationError: As `read_prices`; nothing is changed.
    """
    found = read_prices(path)
    origin = f"file {path.name}"
    with context.sessions.begin() as session:
        lock_prices(session)
        now = context.clock.now(session)
        count = sum(store_price(session, one, origin=origin, now=now) for one in found)
        kept = {(one.model, one.region) for one in found}
        gone = [key for key in _operators(session, origin) if key not in kept]
        for model, region in gone:
            clear_price(session, model, region, origin=origin, now=now)
    if count or gone:
        log.warning("prices.imported", file=path.name, set=count, cleared=len(gone))
        context.hints.dispatch()
    return Imported(count, len(gone))


def store_price(session: Session, price: OperatorPrice, *, origin: str, now: datetime) -> bool:
    """Add an operator's price; False: it counts already."""
    silent = price.silent_per_second
    return set_price(
        session,
        ModelPrice(
            source=PriceSource.OPERATOR,
            region=price.region,
            model=price.model,
            currency=price.currency,
            per_second=texts_of(price.per_second),
            silent_per_second=None if silent is None else texts_of(silent),
            origin=origin,
            from_at=now,
        ),
    )


def clear_price(session: Session, model: str, region: str, *, origin: str, now: datetime) -> bool:
    """Take an operator's price back: the list counts again; False: there is none."""
    cleared = ModelPrice(
        source=PriceSource.OPERATOR, region=region, model=model, per_second={}, origin=origin, from_at=now
    )
    return set_price(session, cleared)


def _operators(session: Session, origin: str) -> Iterable[tuple[str, str]]:
    """Model and region of each operator's price that an origin has set last."""
    rows = session.scalars(
        select(ModelPrice).where(ModelPrice.account_id.is_(None)).order_by(ModelPrice.from_at, ModelPrice.id)
    )
    newest = {(row.model, row.region): row for row in rows}
    return [key for key, row in newest.items() if row.origin == origin and row.per_second]


def _first(error: ValidationError, document: object) -> str:
    problem = error.errors()[0]
    place = list(problem["loc"])
    entry: Any = None
    if len(place) > 1 and place[0] == "prices" and isinstance(document, dict):
        rows = cast("dict[str, Any]", document).get("prices")
        entry = rows[place[1]] if isinstance(rows, list) and isinstance(place[1], int) else None
    named = f" ({entry['model']})" if isinstance(entry, dict) and isinstance(entry.get("model"), str) else ""
    where = ".".join(map(str, place)) or "the file"
    return f"{where}{named}: {problem['msg'].removeprefix('Value error, ')}, not {str(problem.get('input'))[:60]!r}"
