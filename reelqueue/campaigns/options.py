"""Campaign options: name, budget, circuit breaker, canary and latest start."""

from __future__ import annotations

import re
from collections.abc import Mapping
from decimal import Decimal, InvalidOperation
from itertools import pairwise
from typing import Annotated, ClassVar, Final, Literal, Self

from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, Field, ValidationError, model_validator
from pydantic.alias_generators import to_camel
from pydantic_core import PydanticCustomError

from reelqueue.campaigns.limits import CLIPS_MAX, VARIANTS_MAX
from reelqueue.campaigns.output_paths import DEFAULT_PATTERN, OutputPattern, read_pattern
from reelqueue.catalog.price_list import CURRENCY_BY_REGION
from reelqueue.errors import InvalidRequestError
from reelqueue.requests.fields import Priority, StartBy, Text, Whole, whole_number

NAME_CHARACTERS_MAX: Final = 200
_MONEY: Final = re.compile(r"([0-9]{1,12}(?:\.[0-9]{1,6})?)\s*([A-Z]{3})")
_INSTANCE: Final = re.compile(" or instance of [A-Za-z]+")
_CURRENCIES: Final = sorted(set(CURRENCY_BY_REGION.values()))


class CampaignPart(BaseModel):
    """What all parts of a manifest have in common."""

    model_config: ClassVar[ConfigDict] = ConfigDict(
        extra="forbid",
        frozen=True,
        alias_generator=to_camel,
        populate_by_name=True,
        hide_input_in_errors=True,
        use_attribute_docstrings=True,
    )


def _read_amount(value: object) -> object:
    # By way of its text: no budget is meant as a float's binary fraction.
    if isinstance(value, bool) or not isinstance(value, (int, float, str, Decimal)):
        raise PydanticCustomError("wrong_type", "must be an amount such as 120.50")
    try:
        return Decimal(str(value))
    except InvalidOperation as error:
        raise PydanticCustomError("wrong_type", "must be an amount such as 120.50, with a point") from error


def _read_currency(code: str) -> str:
    if code not in _CURRENCIES:
        raise PydanticCustomError(
            "out_of_range",
            "must be a currency that the provider bills in ({known}), not {seen}",
            {"known": ", ".join(_CURRENCIES), "seen": repr(code[:10])},
        )
    return code


class Budget(CampaignPart):
    """A hard spending limit: a job that would exceed it is not submitted."""

    amount: Annotated[
        Decimal, BeforeValidator(_read_amount), Field(gt=0, max_digits=18, decimal_places=6, allow_inf_nan=False)
    ]
    """The most that the campaign may cost."""
    currency: Annotated[str, AfterValidator(_read_currency)]
    """ISO 4217 code."""

    @model_validator(mode="before")
    @classmethod
    def _read_money(cls, value: object) -> object:
        if isinstance(value, (Mapping, Budget)):
            return value
        money = _MONEY.fullmatch(value.strip()) if isinstance(value, str) else None
        if money is None:
            raise PydanticCustomError(
                "wrong_type",
                "must be an amount and a currency such as 120.50 USD, not {seen}",
                {"seen": repr(value)[:40]},
            )
        return {"amount": money[1], "currency": money[2]}


def _number(text: str) -> object:
    try:
        return whole_number(float(text))
    except ValueError:
        return text


Percent = Annotated[float, Field(gt=0, le=100, allow_inf_nan=False)]


class Breaker(CampaignPart):
    """When a campaign pauses by itself, until it is resumed."""

    failures: Annotated[Whole, Field(ge=1, le=CLIPS_MAX)] | None = None
    """This many failed clips."""
    failed_percent: Percent | None = None
    """Of the finished clips."""
    moderated_percent: Percent | None = None
    """Of the finished clips."""
    after: Annotated[Whole, Field(ge=1, le=CLIPS_MAX)] = 20
    """Finished clips before a percentage says anything."""

    @model_validator(mode="before")
    @classmethod
    def _check_parts(cls, value: object) -> object:
        if isinstance(value, str) and "=" in value:
            pairs = (part.partition("=") for part in value.split(","))
            return {name.strip(): _number(number) for name, _, number in pairs}
        if isinstance(value, (Mapping, Breaker)):
            return value
        raise PydanticCustomError(
            "wrong_type", "must name what stops it, such as failures=5, not {seen}", {"seen": repr(value)[:40]}
        )


def _read_output(text: str) -> str:
    try:
        return read_pattern(text).text
    except ValueError as error:
        raise PydanticCustomError("bad_pattern", "{why}", {"why": str(error)}) from error


def _check_name(name: str) -> str:
    # It is a part of addresses, where a slash divides and dots climb, however they are quoted.
    if "/" in name or name in {".", ".."}:
        raise PydanticCustomError(
            "bad_name", "must not hold a slash, or be dots alone, not {seen}", {"seen": repr(name[:80])}
        )
    return name


class CampaignOptions(CampaignPart):
    """How a campaign is run; `None` sets no limit."""

    name: Annotated[Text, Field(min_length=1, max_length=NAME_CHARACTERS_MAX), AfterValidator(_check_name)] = "campaign"
    """Unique among the tenant's campaigns; part of its addresses."""
    priority: Priority = 0
    """Added to that of each clip."""
    budget: Budget | None = None
    """The most that the campaign may cost; what would cross it is not submitted."""
    on_budget: Literal["finish", "cancel"] = "finish"
    """What becomes of the clips that the rest of the budget cannot pay for: they wait, or are cancelled."""
    max_in_flight: Annotated[Whole, Field(ge=1, le=100_000)] | None = None
    """Most clips at the provider at a time."""
    on_ambiguous: Literal["reconcile", "hold", "resubmit"] = "reconcile"
    """What becomes of a submit whose answer was lost: the provider's list decides, an operator does, or again."""
    breaker: Breaker | None = None
    """When the campaign pauses by itself, until it is resumed."""
    run_at: StartBy | None = None
    """Nothing is submitted before this moment."""
    start_by: StartBy | None = None
    """What has not been submitted by then expires; a clip may say its own."""
    finish_by: StartBy | None = None
    """When every clip should be there; the plan warns if it will not."""
    canary: Annotated[Whole, Field(ge=1, le=1000)] | None = None
    """Render this many, of each model and value of the matrix, then wait until the rest is approved."""
    variants: Annotated[Whole, Field(ge=1, le=VARIANTS_MAX)] = 1
    """Clips of each row, told apart by their seeds."""
    output: Annotated[str, AfterValidator(_read_output)] = DEFAULT_PATTERN
    """Pattern of the files' names."""

    @property
    def output_pattern(self) -> OutputPattern:
        """`output`, ready to name files."""
        return read_pattern(self.output)

    @model_validator(mode="after")
    def _check_order(self) -> Self:
        told = [(name, moment) for name in ("run_at", "start_by", "finish_by") if (moment := getattr(self, name))]
        for (first, early), (second, late) in pairwise(told):
            if early >= late:
                raise PydanticCustomError(
                    "out_of_range", "{second} must come after {first}", {"first": first, "second": second}
                )
        return self


def changed_options(options: Mapping[str, object], changes: Mapping[str, object]) -> CampaignOptions:
    """Options with some of them changed; None sets no limit.

    Raises:
        InvalidRequestError: One of them is wrong; it is named.
    """
    try:
        return CampaignOptions.model_validate({**options, **changes})
    except ValidationError as error:
        first = error.errors(include_url=False, include_context=False)[0]
        option = ".".join(map(str, first["loc"])) or "options"
        raise InvalidRequestError("wrong_type", f"{option}: {plain_words(first['msg'])}", option) from error


def plain_words(message: str) -> str:
    """A message of pydantic in the words of a manifest."""
    told = _INSTANCE.sub("", message).replace("Input should", "must").replace("String should", "must")
    return told.replace("a valid dictionary", "an object")
