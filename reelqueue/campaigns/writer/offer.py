"""What a campaign may be made of: models, lengths, sizes and how many clips the budget covers, all by the catalog."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from decimal import Decimal
from typing import ClassVar, Final

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from reelqueue.campaigns.options import Budget, plain_words
from reelqueue.campaigns.writer.inputs import Brief, Medium
from reelqueue.campaigns.writer.products import Products
from reelqueue.catalog import Mode, ModelSpec, Protocol, Sound, Tier, lookup
from reelqueue.catalog.near_models import near_models
from reelqueue.catalog.price_list import CURRENCY_BY_REGION, PRICES
from reelqueue.errors import InvalidRequestError

CLIPS_MAX: Final = 120
"""Of one storyboard; a table multiplies them."""
_CLIPS: Final = 6
_CLIP_SECONDS: Final = 5
_PRODUCT_CLIPS: Final = 1
_TIERS: Final[tuple[Tier, ...]] = ("720P", "480P", "1080P")
"""The first that a model has is rendered: prompts are tried at a middling price."""
_FROM_TEXT: Final = ("wan2.7-t2v",)
_FROM_PICTURES: Final = ("wan2.7-i2v",)
_FROM_REFERENCES: Final = ("wan2.7-r2v",)
NO_RATIO: Final = "as the first frame"


class Wish(BaseModel):
    """What a user asks of a campaign, beside the brief."""

    model_config: ClassVar[ConfigDict] = ConfigDict(frozen=True, extra="forbid")

    models: tuple[str, ...] = ()
    """Video models; empty takes those of Wan 2.7 that the inputs allow."""
    clips: int | None = Field(default=None, ge=1, le=CLIPS_MAX)
    """For each product, where there is a table."""
    seconds: int | None = Field(default=None, ge=2, le=3600)
    """All clips together; of each product, where there is a table."""
    budget: Budget | None = None
    language: str | None = Field(default=None, pattern=r"^[a-z]{2,3}(-[A-Za-z]{2,4})?$")
    """Of what is spoken; None leaves it to the brief."""
    prompt_language: str = Field(default="en", pattern=r"^[a-z]{2,3}(-[A-Za-z]{2,4})?$")


@dataclass(frozen=True, kw_only=True)
class ModelOffer:
    """One model that clips may use."""

    spec: ModelSpec
    tier: Tier
    seconds: tuple[int, ...]
    """Lengths that it renders and the budget covers."""
    ratios: tuple[str, ...]
    """Empty where the first frame decides."""
    per_second: Decimal | None
    """None where no price is published."""

    @property
    def id(self) -> str:
        """The provider's model id."""
        return self.spec.id

    @property
    def takes_text(self) -> bool:
        """Whether it can begin with nothing."""
        return Mode.TEXT_TO_VIDEO in self.spec.modes

    @property
    def takes_first_frame(self) -> bool:
        """Whether it can begin with a picture."""
        return Mode.IMAGE_TO_VIDEO in self.spec.modes and self.spec.protocol is not Protocol.FIRST_LAST

    @property
    def references_max(self) -> int:
        """How many references it can show; 0 where it takes none."""
        if Mode.REFERENCE_TO_VIDEO not in self.spec.modes or self.spec.media is None:
            return 0
        roles = self.spec.media.by_name
        most = sum(roles[name].count_max for name in ("reference_image", "reference_video") if name in roles)
        return min(most, self.spec.media.references_max or most)

    def can_refer_to(self, medium: Medium) -> bool:
        """Whether *medium* can be a reference: some models take URLs only."""
        roles = self.spec.media.by_name if self.spec.media else {}
        role = roles.get("reference_video" if medium.is_video else "reference_image")
        return role is not None and (medium.path is None or role.takes_data_uri)

    @property
    def has_sound(self) -> bool:
        """Whether its videos can speak."""
        return self.spec.sound is not Sound.SILENT

    @property
    def takes_shots(self) -> bool:
        """Whether one clip may have several shots: Wan 2.6 by an option, Wan 2.7 by words."""
        return "shot_type" in self.spec.extras or self.spec.id.startswith("wan2.7-")


@dataclass(frozen=True, kw_only=True)
class Offer:
    """Everything that a storyboard may choose from, and what it must not decide."""

    models: tuple[ModelOffer, ...]
    clip_count: int
    product_count: int
    """1 without a table."""
    seconds_total: int | None
    share: Decimal | None
    """The most that a clip may cost: the budget divided by all clips; None without a budget."""
    currency: str
    region: str
    left_out: tuple[str, ...] = ()
    """Why models that were asked for are not offered."""

    def model(self, model_id: str) -> ModelOffer | None:
        """The model of that id, if it is offered."""
        return next((model for model in self.models if model.id == model_id), None)

    @property
    def seconds(self) -> tuple[int, ...]:
        """Every length that some model renders."""
        return tuple(sorted({seconds for model in self.models for seconds in model.seconds}))

    @property
    def ratios(self) -> tuple[str, ...]:
        """Every ratio that some model renders."""
        return tuple(dict.fromkeys(ratio for model in self.models for ratio in model.ratios)) or (NO_RATIO,)


def read_wish(**told: object) -> Wish:
    """A wish of what a user has said.

    Raises:
        InvalidRequestError: Some of it cannot be wished for; it is named.
    """
    try:
        return Wish.model_validate(told)
    except ValidationError as error:
        first = error.errors(include_url=False)[0]
        field = str(first["loc"][0])
        raise _refused(field, plain_words(first["msg"])) from error


def make_offer(wish: Wish, brief: Brief, products: Products | None, region: str) -> Offer:
    """What the storyboard may choose from.

    Raises:
        InvalidRequestError: A model cannot be used, or the budget does not cover a single clip.
    """
    currency = CURRENCY_BY_REGION.get(region, "USD")
    if wish.budget is not None and wish.budget.currency != currency:
        raise _refused("budget", f"is in {wish.budget.currency}, and {region} bills in {currency}")
    candidates = [_model(model_id, region) for model_id in wish.models or _default_models(brief, products)]
    for model in candidates:
        _check_usable(model, brief, products)
        if wish.budget is not None and model.per_second is None:
            raise _refused(
                "model", f"no price is published for {model.id} at {model.tier} in {region}, and a budget is set"
            )
    count = _clip_count(wish, candidates, len(products.rows) if products else 1)
    offer = _afforded(wish, candidates, count, len(products.rows) if products else 1, region)
    if products is None and not any(model.takes_text or _has_media_for(model, brief) for model in offer.models):
        raise _refused("model", "none of them can begin the first clip; put a picture into the brief: ![fox](fox.png)")
    return offer


def _default_models(brief: Brief, products: Products | None) -> Iterator[str]:
    if products is not None:
        yield from _FROM_PICTURES if products.has_image else _FROM_REFERENCES if products.has_references else _FROM_TEXT
        return
    yield from _FROM_TEXT
    if brief.media:
        yield from _FROM_PICTURES
    if any(medium.path is None for medium in brief.media):
        yield from _FROM_REFERENCES


def _model(model_id: str, region: str) -> ModelOffer:
    spec = lookup(model_id)
    if spec is None:
        why = f"{model_id[:60]!r} is in no table, so its lengths, sizes and price are unknown{near_models(model_id)}"
        raise _refused("model", why)
    if spec.modes == (Mode.VIDEO_EDIT,) or spec.protocol is Protocol.FIRST_LAST:
        raise _refused("model", f"{model_id} needs a video or two frames for each clip, which a brief does not give")
    tier = next(tier for tier in _TIERS if tier in spec.tiers)
    price = PRICES.get(region, {}).get(model_id)
    sizes = tuple(ratio for size_tier, ratio in spec.sizes.values() if size_tier == tier)
    return ModelOffer(
        spec=spec,
        tier=tier,
        seconds=spec.durations.seconds,
        ratios=sizes or tuple(ratio for ratio in spec.ratios if ratio != "adaptive"),
        per_second=price.per_second.get(tier) if price else None,
    )


def _check_usable(model: ModelOffer, brief: Brief, products: Products | None) -> None:
    if products is not None and products.has_image:
        if not model.takes_first_frame:
            raise _refused("model", f"{model.id} begins with no picture, and the table has a column image")
    elif products is not None and products.has_references:
        if not model.references_max:
            raise _refused("model", f"{model.id} shows no references, and the table has a column reference_urls")
    elif products is not None and not model.takes_text:
        raise _refused("model", f"{model.id} needs a column image or reference_urls in the table")
    elif products is None and not (model.takes_text or model.takes_first_frame or _has_media_for(model, brief)):
        # A model of first frames can go on from the clip before, so it needs no picture.
        raise _refused("model", f"{model.id} shows references: put one into the brief as ![fox](https://.../fox.png)")


def _has_media_for(model: ModelOffer, brief: Brief) -> bool:
    """Whether the brief shows what a clip of this model could begin with or refer to."""
    if model.takes_first_frame and any(not medium.is_video for medium in brief.media):
        return True
    return bool(model.references_max) and any(model.can_refer_to(medium) for medium in brief.media)


def _clip_count(wish: Wish, models: list[ModelOffer], product_count: int) -> int:
    count = wish.clips or (max(1, round(wish.seconds / _CLIP_SECONDS)) if wish.seconds else None)
    usual = _PRODUCT_CLIPS if product_count > 1 else _CLIPS
    if count is not None and count > CLIPS_MAX:
        raise _refused("seconds", f"{wish.seconds} seconds are {count} clips; {CLIPS_MAX} are the most")
    if wish.budget is None:
        return count or usual
    least = min(model.per_second * model.seconds[0] for model in models if model.per_second is not None)
    covered = int(wish.budget.amount / (least * product_count))
    if covered < (count or 1):
        clips = (count or 1) * product_count
        raise _refused(
            "budget",
            f"{wish.budget.amount} {wish.budget.currency} does not cover {clips} of the shortest and cheapest clips, "
            f"which cost {least * clips:f} {wish.budget.currency}",
        )
    return count or min(usual, covered)


def _afforded(wish: Wish, models: list[ModelOffer], count: int, product_count: int, region: str) -> Offer:
    """The offer with the lengths that fit into a clip's share of the budget and of the seconds."""
    share = wish.budget.amount / (count * product_count) if wish.budget else None
    shortest = min(model.seconds[0] for model in models)
    longest = wish.seconds - (count - 1) * shortest if wish.seconds else None
    if longest is not None and longest < shortest:
        raise _refused("seconds", f"{count} clips of at least {shortest} seconds are longer than {wish.seconds}")
    kept, left_out = [], []
    for model in models:
        seconds = tuple(
            length
            for length in model.seconds
            if (longest is None or length <= longest)
            and (share is None or model.per_second is None or length * model.per_second <= share)
        )
        if seconds:
            kept.append(ModelOffer(**{**vars(model), "seconds": seconds}))
        else:
            left_out.append(f"{model.id}: none of its lengths fits into a clip's share of the budget and seconds")
    if not kept:
        raise _refused("budget", "; ".join(left_out))
    return Offer(
        models=tuple(kept),
        clip_count=count,
        product_count=product_count,
        seconds_total=wish.seconds,
        share=share,
        currency=CURRENCY_BY_REGION.get(region, "USD"),
        region=region,
        left_out=tuple(left_out),
    )


def _refused(field: str, why: str) -> InvalidRequestError:
    return InvalidRequestError("out_of_range", f"{field}: {why}", field)
