"""Errors and circumstances of a bill, by name, so that code that compares bills can be tested."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import date, timedelta
from decimal import Decimal
from typing import Annotated, Any, ClassVar, Final, Literal

from pydantic import ConfigDict, Field

Row = dict[str, Any]

EditKind = Literal[
    "omit",
    "shift",
    "seconds",
    "price",
    "discount",
    "coupon",
    "free_quota",
    "refund",
    "rounding",
    "other_key",
    "console",
    "currency",
    "no_model",
    "odd_number",
]
"""What becomes of the usage of a day and model:

==============  =========================================================================
omit            it is missing
shift           `value` seconds of it are billed on the next day
seconds         `value` seconds more (less, if negative) are billed
price           `value` a second
discount        of `value` parts in 1 by contract
coupon          `value` taken off
free_quota      `value` of its seconds are free
refund          `value` is given back by a row of its own
rounding        `value` by a row of its own
other_key       `value` seconds of another key by a row of its own
console         `value` seconds of the console by a row of its own
currency        `value` seconds in another currency by a row of its own
no_model        its row names no model
odd_number      its amount is text with a thousands separator
==============  =========================================================================
"""

OTHER_KEY_ID: Final = "6099999"
OTHER_CURRENCY: Final = "EUR"


@dataclass(frozen=True, slots=True)
class BillEdit:
    """One planted error or circumstance."""

    __pydantic_config__: ClassVar[ConfigDict] = ConfigDict(extra="forbid")

    kind: EditKind
    day: Annotated[str, Field(pattern=r"^\d{4}-\d\d-\d\d$")]
    """Of Beijing."""
    model: str
    value: Annotated[str, Field(pattern=r"^-?\d+(\.\d+)?$")] = "0"
    """Decimal text."""


def edited(rows: list[Row], edits: list[BillEdit]) -> list[Row]:
    """A bill as the edits change it; an edit without a row of its day and model changes nothing."""
    for edit in edits:
        found = next((row for row in rows if _is_of(row, edit)), None)
        if found is not None:
            rows = [new for row in rows for new in (_changed(row, edit) if row is found else [row])]
    return rows


def _is_of(row: Row, edit: BillEdit) -> bool:
    model = row["InstanceID"].split(";")[2]
    return (row["BillingDate"], model, row["Item"]) == (edit.day, edit.model, "PayAsYouGoBill")


def _changed(row: Row, edit: BillEdit) -> list[Row]:
    return _CHANGES[edit.kind](row, Decimal(edit.value))


def _omit(_row: Row, _value: Decimal) -> list[Row]:
    return []


def _shift(row: Row, value: Decimal) -> list[Row]:
    following = (date.fromisoformat(row["BillingDate"]) + timedelta(days=1)).isoformat()
    return [_with_seconds(row, _usage(row) - value), _with_seconds(row, value) | {"BillingDate": following}]


def _more_seconds(row: Row, value: Decimal) -> list[Row]:
    return [_with_seconds(row, _usage(row) + value)]


def _reprice(row: Row, value: Decimal) -> list[Row]:
    return [_priced(row, _usage(row), value)]


def _discount(row: Row, value: Decimal) -> list[Row]:
    return [_reduced(row, InvoiceDiscount=row["PretaxGrossAmount"] * value)]


def _coupon(row: Row, value: Decimal) -> list[Row]:
    return [_reduced(row, DeductedByCoupons=value)]


def _free_quota(row: Row, value: Decimal) -> list[Row]:
    free = _priced(row, value, Decimal(0)) | {"BillingItem": "Free Tier " + row["BillingItem"]}
    return [_with_seconds(row, _usage(row) - value), free]


def _refund(row: Row, value: Decimal) -> list[Row]:
    return [row, _with_seconds(row, Decimal(0)) | {"Item": "Refund", "PretaxAmount": -value}]


def _rounding(row: Row, value: Decimal) -> list[Row]:
    adjusted = {"BillingItem": "Rounding Adjustment", "Item": "Adjustment", "PretaxAmount": value}
    return [row, _with_seconds(row, Decimal(0)) | adjusted]


def _other_key(row: Row, value: Decimal) -> list[Row]:
    return [row, _with_seconds(row, value) | _instance(row, 0, OTHER_KEY_ID)]


def _console(row: Row, value: Decimal) -> list[Row]:
    made = row | _instance(row, 0, "")
    return [row, _with_seconds(made, value) | _instance(made, 4, "bmp")]


def _currency(row: Row, value: Decimal) -> list[Row]:
    return [row, _with_seconds(row, value) | {"Currency": OTHER_CURRENCY}]


def _no_model(row: Row, _value: Decimal) -> list[Row]:
    return [row | _instance(row, 2, "null")]


def _odd_number(row: Row, _value: Decimal) -> list[Row]:
    return [row | {"PretaxGrossAmount": "1,234.56"}]


_CHANGES: Final[dict[EditKind, Callable[[Row, Decimal], list[Row]]]] = {
    "omit": _omit,
    "shift": _shift,
    "seconds": _more_seconds,
    "price": _reprice,
    "discount": _discount,
    "coupon": _coupon,
    "free_quota": _free_quota,
    "refund": _refund,
    "rounding": _rounding,
    "other_key": _other_key,
    "console": _console,
    "currency": _currency,
    "no_model": _no_model,
    "odd_number": _odd_number,
}


def _usage(row: Row) -> Decimal:
    return Decimal(row["Usage"])


def _instance(row: Row, part: int, text: str) -> Row:
    """The row's id with one part replaced."""
    parts = row["InstanceID"].split(";")
    return {"InstanceID": ";".join([*parts[:part], text, *parts[part + 1 :]])}


def _with_seconds(row: Row, seconds: Decimal) -> Row:
    return _priced(row, seconds, Decimal(row["ListPrice"]))


def _priced(row: Row, seconds: Decimal, price: Decimal) -> Row:
    amount = seconds * price
    return row | {
        "Usage": f"{seconds.normalize():f}",
        "ListPrice": f"{price.normalize():f}",
        "PretaxGrossAmount": amount,
        "PretaxAmount": amount,
        "OutstandingAmount": amount,
    }


def _reduced(row: Row, **taken: Decimal) -> Row:
    owed = Decimal(str(row["PretaxAmount"])) - sum(taken.values(), Decimal(0))
    return row | taken | {"PretaxAmount": owed, "OutstandingAmount": owed}
