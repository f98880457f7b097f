"""The catalog as the API and the command line show it: one card a model."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date
from decimal import Decimal

from pydantic import Field

from reelqueue.catalog import MODELS, Mode, ModelSpec, Sound, Tier
from reelqueue.catalog.price_list import CURRENCY_BY_REGION, PRICES
from reelqueue.schemas.jobs import Wire


class ModelPrice(Wire):
    """What a second of a model's video costs in one region."""

    region: str = Field(description="The provider's name of the region.")
    currency: str = Field(description="ISO 4217 code.")
    per_second: dict[Tier, Decimal] = Field(description="List price of a second, by the resolution's tier.")
    silent_per_second: dict[Tier, Decimal] | None = Field(
        description="The same with `audio` false, where that is cheaper."
    )
    priced_on: date = Field(description="First day of the month whose price list this is.")


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


def catalog_cards() -> ModelCards:
    """The cards of every model, in the catalog's order."""
    return ModelCards(items=[_card(spec) for spec in MODELS.values()])


def _card(spec: ModelSpec) -> ModelCard:
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
        prices=list(_prices(spec.id)),
    )


def _prices(model_id: str) -> Iterator[ModelPrice]:
    for region, prices in PRICES.items():
        if price := prices.get(model_id):
            yield ModelPrice(
                region=region,
                currency=CURRENCY_BY_REGION[region],
                per_second=dict(price.per_second),
                silent_per_second=dict(price.silent_per_second) if price.silent_per_second else None,
                priced_on=price.priced_on,
            )
