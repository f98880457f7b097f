"""JSON read strictly: no key twice, no NaN or infinite number, bounded nesting, and bounded elements where asked.

`json.loads` takes all of these, and the next reader takes them otherwise or not at all.
"""

from __future__ import annotations

import json
import math
from collections.abc import Callable
from typing import Any, Final, Never

DEPTH_MAX: Final = 32
"""Objects and arrays inside one another; a request needs four, metadata may need more."""

_SHOWN_CHARACTERS: Final = 100


class StrictJsonError(ValueError):
    """JSON that other parsers read differently, or not at all."""


class TooDeepError(StrictJsonError):
    """The JSON is nested deeper than `DEPTH_MAX`."""

    def __init__(self) -> None:
        super().__init__(f"it must be nested at most {DEPTH_MAX} deep")


class TooManyElementsError(StrictJsonError):
    """It has more elements than are asked for."""


def refuse_number(text: str) -> Never:
    """Refuse NaN, Infinity, and what is too large for a float.

    Raises:
        StrictJsonError: Always.
    """
    raise StrictJsonError(f"{text[:40]} is no JSON number, or too large")


def read_json(
    text: str | bytes, *, elements_max: int | None = None, unusual_number: Callable[[str], object] = refuse_number
) -> Any:  # noqa: ANN401 - JSON
    """Parse *text* as JSON, strictly.

    Args:
        text: JSON; bytes are UTF-8.
        elements_max: Most elements of all arrays and objects, counted before any is made; commas inside texts count.
        unusual_number: Gives what NaN, an infinity or a number too large for a float is read as.

    Raises:
        ValueError: It is no JSON (`json.JSONDecodeError`, `UnicodeDecodeError`), or not strict (`StrictJsonError`).
    """
    if elements_max is not None:
        _check_count(text, elements_max)
    decoded = text.decode() if isinstance(text, bytes) else text
    try:
        value = json.loads(
            decoded,
            object_pairs_hook=_unique,
            parse_constant=unusual_number,
            parse_float=lambda number: _finite(number, unusual_number),
        )
    except RecursionError:
        raise TooDeepError from None
    if decoded.count("{") + decoded.count("[") > DEPTH_MAX:  # only brackets nest
        _check_depth(value)
    return value


def _check_count(text: str | bytes, elements_max: int) -> None:
    if isinstance(text, str):
        count = text.count("[") + text.count("{") + text.count(",")
    else:
        count = text.count(b"[") + text.count(b"{") + text.count(b",")
    if count > elements_max:
        raise TooManyElementsError(f"it has {count} brackets and commas; {elements_max} are the most")


def _check_depth(value: object) -> None:
    """Level by level, without recursion."""
    level, depth = [value], 0
    while level:
        nested = [item for item in level if isinstance(item, (dict, list))]
        level = [inner for item in nested for inner in (item.values() if isinstance(item, dict) else item)]
        depth += bool(nested)
        if depth > DEPTH_MAX:
            raise TooDeepError


def _unique(pairs: list[tuple[str, object]]) -> dict[str, object]:
    value = dict(pairs)
    if len(value) != len(pairs):
        seen: set[str] = set()
        twice = next(name for name, _ in pairs if name in seen or seen.add(name))  # type: ignore[func-returns-value]
        raise StrictJsonError(f"the key {twice[:_SHOWN_CHARACTERS]!r} occurs twice in one object")
    return value


def _finite(text: str, unusual_number: Callable[[str], object]) -> object:
    number = float(text)
    return number if math.isfinite(number) else unusual_number(text)
