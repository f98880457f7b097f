"""JSON as JavaScript writes it, so that texts inside of a body equal those of other clients."""

from __future__ import annotations

import json
from decimal import Decimal
from typing import Final

from pydantic import JsonValue

_WHOLE_MAX: Final = 1e21
"""From here on JavaScript writes an exponent."""


def json_text(value: JsonValue) -> str:
    """*value* without blanks, with every character as it is, and 1.0 as ``1``.

    Raises:
        ValueError: It holds NaN or an infinity, which JSON has not.
    """
    return json.dumps(_plain(value), ensure_ascii=False, separators=(",", ":"), allow_nan=False)


def _plain(value: JsonValue) -> JsonValue:
    match value:
        case float() if value.is_integer() and abs(value) < _WHOLE_MAX:
            return int(Decimal(repr(value)))  # the digits that tell it from its neighbours, and then zeros
        case dict():
            return {name: _plain(inner) for name, inner in value.items()}
        case list():
            return [_plain(inner) for inner in value]
        case _:
            return value
