"""JSON as JavaScript writes it, so that texts inside of a body equal those of other clients."""

from __future__ import annotations

import json

from pydantic import JsonValue

_EXACT_MAX = 2**53


def json_text(value: JsonValue) -> str:
    """*value* without blanks, with every character as it is, and 1.0 as ``1``.

    Raises:
        ValueError: It holds NaN or an infinity, which JSON has not.
    """
    return json.dumps(_plain(value), ensure_ascii=False, separators=(",", ":"), allow_nan=False)


def _plain(value: JsonValue) -> JsonValue:
    match value:
        case float() if value.is_integer() and abs(value) < _EXACT_MAX:
            return int(value)
        case dict():
            return {name: _plain(inner) for name, inner in value.items()}
        case list():
            return [_plain(inner) for inner in value]
        case _:
            return value
