"""What an option ``resolution`` means: a tier, or a size in pixels with its tier and ratio."""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import lru_cache
from typing import Final, cast

from reelqueue.catalog import Tier
from reelqueue.catalog.sizes import SHAPE_BY_SIZE
from reelqueue.errors import InvalidRequestError

_TIERS: Final[tuple[Tier, ...]] = ("480P", "720P", "1080P")
_PIXELS: Final = re.compile(r"([1-9][0-9]{0,4})[xX*]([1-9][0-9]{0,4})", re.ASCII)


@dataclass(frozen=True, slots=True)
class Shape:
    """A resolution as it was asked for."""

    tier: Tier | None
    """None for a size that no published table lists."""
    ratio: str | None = None
    """Known where a listed size was given."""
    size: str | None = None
    """``1280x720`` where pixels were given."""


@lru_cache(maxsize=256)
def read_resolution(text: str) -> Shape:
    """Read ``720P``, ``1280x720`` or ``1280*720``.

    Raises:
        InvalidRequestError: It is neither a tier nor a size.
    """
    if text.upper() in _TIERS:
        return Shape(cast("Tier", text.upper()))
    match = _PIXELS.fullmatch(text)
    if match is None:
        raise InvalidRequestError(
            "out_of_range",
            f"resolution: must be a tier ({', '.join(_TIERS)}) or a size such as 1280x720, not {text[:40]!r}",
            "resolution",
        )
    size = f"{match[1]}x{match[2]}"
    tier, ratio = SHAPE_BY_SIZE.get(size, (None, None))
    return Shape(tier, ratio, size)
