"""What the provider lists of each video model: prices and its end, read strictly, since money hangs on them.

A price line that is not understood makes the whole model's prices unread, with the reason: never zero, and never the
cheaper neighbour's.

Source: Alibaba Cloud Model Studio, listing models, September 2026.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from decimal import Decimal, InvalidOperation
from typing import Any, Final, cast

from reelqueue.catalog import Tier, lookup
from workers.dashscope.wire import UnreadableError, parse_time

PATH: Final = "/api/v1/models"
PAGE_SIZE: Final = 20
"""The documented default; no page states the maximum."""
PAGES_MAX: Final = 100
SITES: Final = {
    "ap-southeast-1": "international",
    "cn-beijing": "asia-pacific-china",
    "us-east-1": "united-states",
    "eu-central-1": "european-union",
    "cn-hongkong": "cn-hongkong",
    "ap-northeast-1": "japan",
}
"""The list's word for a region: without it, one model may come with the prices of several."""

_TIERS: Final = ("480P", "720P", "1080P")
_SOUND: Final = re.compile(r"video_ratio_(\d{3,4}p)", re.IGNORECASE)
_SILENT: Final = re.compile(r"(\d{3,4}p)_no_audio", re.IGNORECASE)
_ONE_PRICE: Final = "video_ratio"
_UNIT: Final = re.compile(r"(?:[A-Z$¥€/ ]*\b)?(?:per |/ ?|每|元/)(?:second|sec|s|秒)", re.IGNORECASE)
_AMOUNT: Final = re.compile(r"[0-9]{1,6}(?:\.[0-9]{1,9})?")
_STANDARD: Final = frozenset({None, "", "standard"})


@dataclass(frozen=True, kw_only=True)
class ListedModel:
    """One video model of the list."""

    model: str
    per_second: Mapping[Tier, Decimal] = field(default_factory=dict)
    """Empty where the prices are not understood."""
    silent_per_second: Mapping[Tier, Decimal] | None = None
    problem: str | None = None
    """Why its prices are not understood; None: they are."""
    ends_at: datetime | None = None
    """When the provider takes it away; aware UTC."""
    end_problem: str | None = None
    """What was said of its end and is no date."""


@dataclass(frozen=True)
class ModelPage:
    """One page of the list."""

    total: int | None
    row_count: int
    ids: tuple[str, ...]
    """Of every row that has one, whatever model it is."""
    models: list[ListedModel]
    """Video models."""


def parse_models(document: Mapping[str, Any]) -> ModelPage:
    """A page of the list.

    Raises:
        UnreadableError: It is no list of models, or an error in a good answer's clothes.
    """
    output = document.get("output")
    rows = output.get("models") if isinstance(output, dict) else None
    if document.get("success") is False or not isinstance(output, dict) or not isinstance(rows, list):
        raise UnreadableError("no list of models")
    named = [row for row in rows if isinstance(row, dict) and isinstance(row.get("model"), str) and row["model"]]
    total = output.get("total")
    return ModelPage(
        total if isinstance(total, int) and not isinstance(total, bool) else None,
        len(rows),
        tuple(row["model"] for row in named),
        [_model(row) for row in named if _is_video(row)],
    )


def dearest(models: list[ListedModel]) -> dict[str, ListedModel]:
    """The models by id; of one that comes twice, the dearer price of each tier and the earlier end count."""
    found: dict[str, ListedModel] = {}
    for one in models:
        seen = found.get(one.model)
        found[one.model] = one if seen is None else _merged(seen, one)
    return found


def _merged(one: ListedModel, other: ListedModel) -> ListedModel:
    tiers = [tier for tier in _TIERS if tier in one.per_second or tier in other.per_second]
    ends = [model.ends_at for model in (one, other) if model.ends_at is not None]
    problem = one.problem or other.problem
    per_second = {
        tier: max(model.per_second[tier] for model in (one, other) if tier in model.per_second)
        for tier in cast("list[Tier]", tiers)
    }
    return ListedModel(
        model=one.model,
        per_second={} if problem else per_second,
        # Without a silent price, silence costs what sound does: the dearer.
        silent_per_second=one.silent_per_second if one.silent_per_second == other.silent_per_second else None,
        problem=problem,
        ends_at=min(ends, default=None),
        end_problem=one.end_problem or other.end_problem,
    )


def _is_video(row: Mapping[str, Any]) -> bool:
    capabilities = row.get("capabilities")
    if isinstance(capabilities, list) and capabilities:
        return "VG" in capabilities
    return lookup(row["model"]) is not None


def _model(row: Mapping[str, Any]) -> ListedModel:
    ends_at, end_problem = _end(row.get("inference_offline_info"))
    try:
        sound, silent = _prices(row.get("prices"))
    except UnreadableError as error:
        return ListedModel(model=row["model"], problem=str(error), ends_at=ends_at, end_problem=end_problem)
    return ListedModel(
        model=row["model"],
        per_second=sound,
        silent_per_second=silent or None,
        ends_at=ends_at,
        end_problem=end_problem,
    )


def _prices(ranges: object) -> tuple[dict[Tier, Decimal], dict[Tier, Decimal]]:
    sound: dict[Tier, Decimal] = {}
    silent: dict[Tier, Decimal] = {}
    for line in _lines(ranges):
        kind, amount = str(line.get("type", "")), _amount(line)
        if kind.lower() == _ONE_PRICE:
            prices, tiers = sound, list(_TIERS)
        elif match := _SOUND.fullmatch(kind):
            prices, tiers = sound, [match[1].upper()]
        elif match := _SILENT.fullmatch(kind):
            prices, tiers = silent, [match[1].upper()]
        else:
            raise UnreadableError(f"a price of the type {kind[:40]!r}, which is not known")
        for tier in cast("list[Tier]", tiers):
            if tier in _TIERS:  # no request can ask for another
                prices[tier] = max(amount, prices.get(tier, amount))
    if not sound:
        raise UnreadableError("no price of a second of video")
    return sound, silent


def _lines(ranges: object) -> Iterator[Mapping[str, Any]]:
    """The list prices of every range; those of a band of hours are no list prices."""
    for one in ranges if isinstance(ranges, list) else []:
        lines = one.get("prices") if isinstance(one, dict) else None
        for line in lines if isinstance(lines, list) else []:
            if not isinstance(line, dict):
                raise UnreadableError("a price that is no object")
            if line.get("time_band") in _STANDARD:
                yield line


def _amount(line: Mapping[str, Any]) -> Decimal:
    unit, price = str(line.get("price_unit", "")), line.get("price")
    if not _UNIT.fullmatch(unit.strip()):
        raise UnreadableError(f"a price in the unit {unit[:40]!r}, where a second of video is meant")
    text = str(price) if isinstance(price, str | int | float) and not isinstance(price, bool) else ""
    if not _AMOUNT.fullmatch(text) or not (amount := _decimal(text)):
        raise UnreadableError(f"a price of {str(price)[:40]!r}, which is no amount above 0")
    return amount


def _decimal(text: str) -> Decimal | None:
    try:
        return Decimal(text)
    except InvalidOperation:
        return None


def _end(info: object) -> tuple[datetime | None, str | None]:
    """The earliest time at any depth; what is said without a time is a problem."""
    if not info:
        return None, None
    found = list(_times(info))
    moments = [moment for moment in map(parse_time, found) if moment is not None]
    if moments:
        return min(moments), None
    return None, f"it ends, and {', '.join(found)[:80] or 'nothing'!r} is no date"


def _times(info: object) -> Iterator[str]:
    if isinstance(info, dict):
        for name, value in info.items():
            if str(name).lower().replace("_", "") == "offlinetime" and isinstance(value, str | int):
                yield str(value)
            else:
                yield from _times(value)
    elif isinstance(info, list):
        for one in info:
            yield from _times(one)
