"""Page numbers and limits from a query string."""

from __future__ import annotations

from simulator.errors import WireError
from simulator.exchange.call import Call

_PAGES_MAX = 1_000_000
_PAGE_SIZE_MAX = 100


def page_of(call: Call, *, default_size: int) -> tuple[int, int]:
    """``page_no`` (from 1) and ``page_size``.

    Raises:
        WireError: One is no number or out of range.
    """
    return _number(call, "page_no", 1, _PAGES_MAX), _number(call, "page_size", default_size, _PAGE_SIZE_MAX)


def limit_of(call: Call, *, default: int, maximum: int) -> int:
    """``limit``.

    Raises:
        WireError: It is no number or out of range.
    """
    return _number(call, "limit", default, maximum)


def _number(call: Call, name: str, default: int, maximum: int) -> int:
    text = call.query(name)
    if not text:
        return default
    if not text.isdecimal() or not 1 <= int(text[:9]) <= maximum:
        raise WireError(400, "InvalidParameter", f"{name} must be between 1 and {maximum}.")
    return int(text[:9])
