"""Rows of the provider's bill, read strictly: what cannot be read is kept apart, and never counted as zero."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date
from decimal import Decimal, InvalidOperation
from enum import StrEnum
from typing import Any, Final

_NUMBER: Final = re.compile(r"-?\d+(\.\d+)?", re.ASCII)
_SECONDS: Final = frozenset({"second", "seconds", "秒", "s"})
_PER_SECOND: Final = re.compile(r"/\s*(second|秒|s)$", re.IGNORECASE)
_VIDEO_COMMODITY: Final = re.compile(r"sfm_inference(wan|hh)_", re.IGNORECASE)
_TEXT_UNIT: Final = re.compile(r"token", re.IGNORECASE)
_CONSOLE: Final = frozenset({"bmp", "assistant-api"})


class BillKind(StrEnum):
    """What a row bills."""

    USAGE = "usage"
    """Seconds of video."""
    FREE_QUOTA = "free quota"
    """Seconds of video that cost nothing."""
    CONSOLE = "console"
    """Seconds of video that a person made in the provider's console."""
    REFUND = "refund"
    ADJUSTMENT = "adjustment"
    """A correction by the provider, such as of rounding."""
    OTHER = "other product"
    """Language models, subscriptions: nothing that a render job makes."""


@dataclass(frozen=True)
class BillRow:
    """One row, by day, model and API key."""

    day: date
    """Of Beijing."""
    model: str
    kind: BillKind
    api_key_id: str
    """The console's id of the key; empty where no key was used."""
    workspace_id: str
    seconds: Decimal
    list_price: Decimal | None
    """Of a second; None where the row names none."""
    list_amount: Decimal
    """By the list price, before anything is taken off."""
    discount: Decimal
    """By contract, volume or plan."""
    coupons: Decimal
    owed: Decimal
    """Before tax."""
    currency: str


@dataclass(frozen=True)
class UnreadableRow:
    """A row that may bill anything."""

    row: Mapping[str, Any]
    problem: str


def read_row(row: Mapping[str, Any]) -> BillRow | UnreadableRow:
    """One item of DescribeInstanceBill, whose numbers were parsed as `Decimal`.

    Source: Alibaba Cloud, BssOpenApi 2017-12-14, DescribeInstanceBill; real bills of a Singapore and a China account.
    """
    try:
        return _read(row)
    except ValueError as error:
        return UnreadableRow(row, str(error))


def _read(row: Mapping[str, Any]) -> BillRow:
    key, workspace, model, channel = _instance(row)
    kind = _kind(row, model, key, channel)
    is_video = kind in {BillKind.USAGE, BillKind.FREE_QUOTA, BillKind.CONSOLE}
    if is_video and not model:
        raise ValueError(f"InstanceID {row.get('InstanceID')!r} names no model")
    list_amount = _amount(row, "PretaxGrossAmount")
    discount, coupons = _amount(row, "InvoiceDiscount"), _amount(row, "DeductedByCoupons")
    return BillRow(
        day=_day(row),
        model=model,
        kind=kind,
        api_key_id=key,
        workspace_id=workspace,
        seconds=_seconds(row) if is_video else Decimal(0),
        list_price=_list_price(row) if is_video else None,
        list_amount=list_amount,
        discount=discount,
        coupons=coupons,
        owed=_amount(row, "PretaxAmount"),
        currency=_text(row, "Currency"),
    )


def _instance(row: Mapping[str, Any]) -> tuple[str, str, str, str]:
    """Key, workspace, model and channel: parts of an id whose later parts differ from product to product."""
    parts = [part.strip() for part in str(row.get("InstanceID") or "").split(";")]
    key, workspace, model = (*parts, "", "", "")[:3]
    channel = parts[4] if len(parts) > 5 else ""
    return key, workspace, "" if model.lower() in {"null", "none"} else model, channel


def _kind(row: Mapping[str, Any], model: str, key: str, channel: str) -> BillKind:
    item = str(row.get("Item") or "")
    name = f"{row.get('BillingItem')} {row.get('BillingItemCode')}".lower()
    if item == "Refund":
        return BillKind.REFUND
    if item == "Adjustment" or "rounding" in name:
        return BillKind.ADJUSTMENT
    if item == "SubscriptionOrder" or not _is_video(row):
        return BillKind.OTHER
    if item != "PayAsYouGoBill":
        raise ValueError(f"Item is {row.get('Item')!r}, of which it is not known what it bills")
    if "free" in name and not _amount(row, "PretaxAmount"):
        return BillKind.FREE_QUOTA
    return BillKind.CONSOLE if channel in _CONSOLE or (model and not key) else BillKind.USAGE


def _is_video(row: Mapping[str, Any]) -> bool:
    """Whether a row may be one of video: a commodity that is not known counts, unless its unit is of texts."""
    if _VIDEO_COMMODITY.match(str(row.get("CommodityCode") or "")):
        return True
    return "video" in str(row.get("BillingItemCode") or "").lower() and not _TEXT_UNIT.search(
        str(row.get("UsageUnit") or "")
    )


def _seconds(row: Mapping[str, Any]) -> Decimal:
    unit = str(row.get("UsageUnit") or "").strip()
    if unit.lower() not in _SECONDS:
        raise ValueError(f"UsageUnit is {unit!r}, not seconds")
    return _amount(row, "Usage")


def _list_price(row: Mapping[str, Any]) -> Decimal | None:
    if row.get("ListPrice") in {None, ""} or not _PER_SECOND.search(str(row.get("ListPriceUnit") or "")):
        return None
    return _amount(row, "ListPrice")


def _day(row: Mapping[str, Any]) -> date:
    try:
        return date.fromisoformat(_text(row, "BillingDate"))
    except ValueError as error:
        raise ValueError(f"BillingDate is {row.get('BillingDate')!r}, not a day such as 2026-11-29") from error


def _text(row: Mapping[str, Any], name: str) -> str:
    text = row.get(name)
    if not isinstance(text, str) or not text:
        raise ValueError(f"{name} is {text!r}")
    return text


def _amount(row: Mapping[str, Any], name: str) -> Decimal:
    """A number as a number or as plain text: ``1,234.56`` may mean two things."""
    value = row.get(name)
    if value is None:
        return Decimal(0)
    text = str(value)
    if isinstance(value, bool) or not (_NUMBER.fullmatch(text) or _is_exponent(value)):
        raise ValueError(f"{name} is {value!r}, not a plain number")
    return Decimal(text)


def _is_exponent(value: object) -> bool:
    """Whether it was a number in JSON, whatever its notation."""
    if isinstance(value, str):
        return False
    try:
        return Decimal(str(value)).is_finite()
    except InvalidOperation:
        return False
