"""The catalog as the API and the command line show it: one card a model."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date
from decimal import Decimal

from pydantic import Field

from reelqueue.catalog import MODELS, Mode, ModelSpec, Sound, Tier
from reelqueue.catalog.price_list import PRICES, Prices, PriceSource, Rate, rate_of, released_prices
from reelqueue.schemas.jobs import Wire


class ModelPrice(Wire):
    """What a second of a model's video costs in one region by one source."""

    region: str = Field(description="The provider's name of the region.")
    currency: str = Field(description="ISO 4217 code.")
    per_second: dict[Tier, Decimal] = Field(description="List price of a second, by the resolution's tier.")
    silent_per_second: dict[Tier, Decimal] | None = Field(
        description="The same with `audio` false, where that is cheaper."
    )
    priced_on: date = Field(description="Day of the price; of a table of a release, the first of its month.")
    source: PriceSource = Field(
        description="Where it is from: an `operator`, the `provider`'s own list, the tables of the `release`, or an "
        "`estimate` in these from resellers' pages."
    )


class ModelCard(Wire):
    """What one model takes."""

    id: str = Field(description="The provider's model id.")
    modes: list[Mode] = Field(description="What its videos can be made from.")
    options: list[str] = Field(description="Options of a request that it takes.")
    tiers: list[Tier] = Field(description="Resolutions by tier.")
    default_tier: Tier = Field(description="What is rendered when no resolution is given.")
    sizes: list[str] = Field(description="Resolutions in pixels, where it takes those.")
    ratios: list[str] = Field(description="Aspect ratios, where it takes those beside a tier.")
    durations_seconds: list[int] = Field(description="Lengths that may be asked for; empty where none may.")
    default_duration_seconds: int | None = Field(description="Null follows the input.")
    prompt_characters_max: int = Field(description="Longer prompts are refused.")
    sound: Sound = Field(description="What it does about sound.")
    slots: int | None = Field(description="Tasks that run at a time per account; null where nothing is published.")
    submits_per_second: int | None = Field(description="Per account; null where nothing is published.")
    prices: list[ModelPrice] = Field(description="By region; a model without one is billed all the same.")


class ModelCards(Wire):
    """The models of the catalog; any other id of the provider is taken too, with a warning."""

    items: list[ModelCard] = Field(description="One for each model.")


def catalog_cards(prices: Prices = released_prices) -> ModelCards:
    """The cards of every model, in the catalog's order, with the prices that count: without a server, a release's."""
    return ModelCards(items=[_card(spec, prices) for spec in MODELS.values()])


def _card(spec: ModelSpec, prices: Prices) -> ModelCard:
    return ModelCard(
        id=spec.id,
        modes=list(spec.modes),
        options=sorted(spec.options),
        tiers=list(spec.tiers),
        default_tier=spec.default_tier,
        sizes=list(spec.sizes),
        ratios=list(spec.ratios),
        durations_seconds=list(spec.durations.seconds),
        default_duration_seconds=spec.durations.default_seconds,
        prompt_characters_max=spec.prompt.characters_max,
        sound=spec.sound,
        slots=spec.slots,
        submits_per_second=spec.submits_per_second,
        prices=[price for region in PRICES for price in _prices(spec.id, region, prices)],
    )


def _prices(model_id: str, region: str, prices: Prices) -> Iterator[ModelPrice]:
    """One for each source that a tier's price is from."""
    listed = prices(model_id, region)
    tiers = sorted({tier for price in listed for tier in price.per_second}, key=lambda tier: int(tier[:-1]))
    sound = {tier: rate for tier in tiers if (rate := rate_of(listed, tier, region, is_silent=False))}
    silent = {tier: rate for tier in tiers if (rate := rate_of(listed, tier, region, is_silent=True))}

    def origin(rate: Rate) -> tuple[str, PriceSource, date]:
        return rate.currency, rate.source, rate.priced_on

    for currency, source, day in dict.fromkeys(map(origin, sound.values())):
        mine = [tier for tier in sound if origin(sound[tier]) == (currency, source, day)]
        cheaper = {tier: silent[tier].per_second for tier in mine if silent[tier].per_second < sound[tier].per_second}
        yield ModelPrice(
            region=region,
            currency=currency,
            per_second={tier: sound[tier].per_second for tier in mine},
            silent_per_second=cheaper or None,
            priced_on=day,
            source=source,
        )
