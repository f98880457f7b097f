"""Cost plan of a campaign: counts, prices and warnings, added up while its clips are read."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import date, datetime
from decimal import Decimal
from typing import Final

from reelqueue.campaigns.clips import Clip
from reelqueue.campaigns.options import Budget
from reelqueue.campaigns.plan.server_diff import RENDERED_CHANGES, ClipChange, ServerState, UndoneRepair
from reelqueue.catalog.price_list import PriceSource
from reelqueue.pricing import CostEstimate, estimate, unpriced_warning
from reelqueue.requests.base import RenderRequest
from reelqueue.requests.option_table import REQUEST_OPTIONS, Role

_WARNINGS_MAX: Final = 200
"""Different ones that are kept."""
_NAMED_MAX: Final = 5
"""Clips that are named where they are many."""
_SHAPES_MAX: Final = 10_000
_MODELS_MAX: Final = 100
"""More than there are; the rest of a file that names others is counted together."""
OTHER_MODELS: Final = "other models"
_PRICED: Final = [option for option in REQUEST_OPTIONS if option.is_priced]
_PRICED_BY: Final = tuple(option.name for option in _PRICED if option.role in {Role.MODEL, Role.PARAMETER})
"""Options that decide the price of a request without those of `_PRICED_APART`."""
_PRICED_APART: Final = tuple(option.name for option in _PRICED if option.name not in _PRICED_BY)


@dataclass(slots=True)
class ModelPlan:
    """The clips of one model: their number and price."""

    model: str
    clip_count: int = 0
    unpriced_count: int = 0
    """Clips for which no price is published; they are in no sum."""
    min_amount: Decimal = Decimal(0)
    max_amount: Decimal = Decimal(0)
    currency: str | None = None
    billed_seconds_min: int = 0
    billed_seconds_max: int = 0
    priced_on: date | None = None
    """First day of the month whose price list this is."""
    source: PriceSource | None = None
    """Where the price is from: the tables of this release, or an estimate in them."""

    def add(self, cost: CostEstimate | None) -> None:
        """Count one clip."""
        self.clip_count += 1
        if cost is None:
            self.unpriced_count += 1
            return
        self.min_amount += cost.min_amount
        self.max_amount += cost.max_amount
        self.currency = cost.currency
        self.billed_seconds_min += cost.billed_seconds_min
        self.billed_seconds_max += cost.billed_seconds_max
        self.priced_on, self.source = cost.priced_on, cost.source


@dataclass(slots=True)
class PlanWarning:
    """Something that the service or the price list says about several clips."""

    message: str
    count: int = 0
    first_line: int | None = None


class Plan:
    """Adds up clips; memory grows with the number of models and kinds of clip, not with the clips."""

    def __init__(self, region: str, known: ServerState | None = None) -> None:
        """Start without clips.

        Args:
            region: Whose prices count.
            known: What the campaign holds already; None for a new one.
        """
        self.region = region
        self.start_by: datetime | None = None
        """The campaign's latest start, for clips that say none."""
        self.counts: dict[ClipChange, int] = dict.fromkeys(ClipChange, 0)
        self.ended_count: int = 0
        """Clips that have ended without a video; applying the file does not render them again."""
        self.undone_count: int = 0
        """Of these, clips that would take the place of one that has a video or is under way: a repair is undone."""
        self.undone: list[UndoneRepair] = []
        """The first of them."""
        self.models: dict[str, ModelPlan] = {}
        self._known = known or ServerState()
        self._unpriced: dict[str, PlanWarning] = {}
        self._warnings: dict[str, PlanWarning] = {}
        self._cost = _cached(region)

    def add(self, clip: Clip) -> ClipChange:
        """Count one clip; only what is not there yet is priced."""
        change = self._known.change_of(clip, start_by=self.start_by)
        self.counts[change] += 1
        if clip.content_sha256 in self._known.ended:
            self.ended_count += 1
            self._note_undone(clip)
        if change not in RENDERED_CHANGES:
            return change
        cost = self._cost(clip.request)
        model = clip.request.model
        if model not in self.models and len(self.models) >= _MODELS_MAX:
            model = OTHER_MODELS
        if (priced := self.models.get(model)) is None:
            priced = self.models[model] = ModelPlan(model)
        priced.add(cost)
        if cost is None:
            _count(self._unpriced, unpriced_warning(clip.request, self.region), clip.line)
        for warning in clip.warnings:
            _count(self._warnings, warning, clip.line)
        return change

    @property
    def clip_count(self) -> int:
        """Clips of the file, whether they would be rendered or not."""
        return sum(self.counts.values())

    @property
    def buy_count(self) -> int:
        """Clips that would be rendered."""
        return sum(self.counts[change] for change in RENDERED_CHANGES)

    @property
    def total(self) -> ModelPlan:
        """All models together, named ``all``; one region bills in one currency."""
        total = ModelPlan("all")
        for part in self.models.values():
            total.clip_count += part.clip_count
            total.unpriced_count += part.unpriced_count
            total.min_amount += part.min_amount
            total.max_amount += part.max_amount
            total.billed_seconds_min += part.billed_seconds_min
            total.billed_seconds_max += part.billed_seconds_max
            total.currency = part.currency or total.currency
            total.priced_on = part.priced_on or total.priced_on
            if total.source != PriceSource.ESTIMATE:  # a sum with an estimate is one
                total.source = part.source or total.source
        return total

    @property
    def warnings(self) -> list[PlanWarning]:
        """The most frequent first, and before them what the sum lacks a price of."""
        by_kind = (self._unpriced, self._warnings)
        return [one for kind in by_kind for one in sorted(kind.values(), key=lambda warning: -warning.count)]

    def budget_warning(self, budget: Budget | None) -> str | None:
        """Warning about what the budget does not cover; None if it covers all."""
        total = self.total
        if budget is None:
            return None
        if total.unpriced_count:
            return (
                f"{total.unpriced_count} of the clips have no price, and a campaign with a budget stops before the "
                "first of them"
            )
        if total.currency is None:
            return None
        if budget.currency != total.currency:
            return f"the budget is in {budget.currency}, and {self.region} bills in {total.currency}"
        if total.min_amount > budget.amount:
            return f"the budget of {budget.amount} {budget.currency} does not cover even the least, {total.min_amount}"
        if total.max_amount > budget.amount:
            return f"the budget of {budget.amount} {budget.currency} may not cover the most, {total.max_amount}"
        return None

    def _note_undone(self, clip: Clip) -> None:
        if (undone := self._known.undone_by(clip)) is not None:
            self.undone_count += 1
            if len(self.undone) < _NAMED_MAX:
                self.undone.append(undone)


def _count(warnings: dict[str, PlanWarning], message: str, line: int | None) -> None:
    warning = warnings.get(message)
    if warning is None and len(warnings) < _WARNINGS_MAX:
        warning = warnings[message] = PlanWarning(message, first_line=line)
    if warning is not None:
        warning.count += 1


def _cached(region: str) -> Callable[[RenderRequest], CostEstimate | None]:
    """`estimate`, asked once for all clips that cost the same."""
    found: dict[tuple[object, ...], CostEstimate | None] = {}

    def cost(request: RenderRequest) -> CostEstimate | None:
        if any(request.given(option) is not None for option in _PRICED_APART):
            return estimate(request, region)
        shape = tuple(request.given(option) for option in _PRICED_BY)
        if shape not in found:
            if len(found) >= _SHAPES_MAX:
                found.clear()
            found[shape] = estimate(request, region)
        return found[shape]

    return cost
