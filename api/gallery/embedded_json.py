"""Data inside a page: JSON that no prompt can break out of."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import fields, is_dataclass
from datetime import datetime
from decimal import Decimal
from typing import Any, Final

from pydantic import BaseModel

# `<` and `>` end scripts and begin comments, `&` matters to XML readers, and the two separators are line
# breaks to some scripts. Inside JSON they can stand in strings only, where an escape means the same.
_ESCAPES: Final = str.maketrans({character: f"\\u{ord(character):04x}" for character in "<>&\u2028\u2029\x7f"})


def embedded_json(value: object) -> str:
    """*value* as JSON that can stand between ``<script type="application/json">`` and its end.

    Args:
        value: Plain values, models and dataclasses of them; a dataclass's fields that are empty or None are left out.
    """
    plain = json.dumps(_plain(value), ensure_ascii=False, separators=(",", ":"), allow_nan=False)
    return plain.translate(_ESCAPES)


def _plain(value: Any) -> Any:  # noqa: ANN401 - JSON
    if is_dataclass(value):
        pairs = ((field.name, getattr(value, field.name)) for field in fields(value))
        return {name: _plain(found) for name, found in pairs if not _is_empty(found)}
    if isinstance(value, BaseModel):
        return _plain(value.model_dump())
    if isinstance(value, Mapping):
        return {str(name): _plain(found) for name, found in value.items()}
    if isinstance(value, Sequence) and not isinstance(value, str):
        return [_plain(item) for item in value]
    if isinstance(value, datetime):
        return value.isoformat(timespec="seconds")
    if isinstance(value, Decimal):
        return format(value, "f")
    if isinstance(value, float) and (value != value or value in {float("inf"), float("-inf")}):  # noqa: PLR0124
        return str(value)  # JSON has no such number
    return value


def _is_empty(value: object) -> bool:
    return value is None or (isinstance(value, (Sequence, Mapping)) and not value)
