"""Pixel sizes, their tiers and their aspect ratios.

Source: Alibaba Cloud Model Studio, Wan text-to-video references for 2.6 and 2.7, read 2026-11.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Final

from reelqueue.catalog.spec import Tier

LEGACY_SIZES: Final[Mapping[Tier, Mapping[str, str]]] = {
    "480P": {"16:9": "832x480", "9:16": "480x832", "1:1": "624x624"},
    "720P": {"16:9": "1280x720", "9:16": "720x1280", "1:1": "960x960", "4:3": "1088x832", "3:4": "832x1088"},
    "1080P": {"16:9": "1920x1080", "9:16": "1080x1920", "1:1": "1440x1440", "4:3": "1632x1248", "3:4": "1248x1632"},
}
"""What models up to Wan 2.6 take as ``parameters.size`` (there with ``*`` for ``x``)."""

WAN27_SIZES: Final[Mapping[Tier, Mapping[str, str]]] = {
    "480P": LEGACY_SIZES["480P"],
    "720P": {**LEGACY_SIZES["720P"], "4:3": "1104x832", "3:4": "832x1104"},
    "1080P": {**LEGACY_SIZES["1080P"], "4:3": "1648x1248", "3:4": "1248x1648"},
}
"""What Wan 2.7 and 3.0 render for a tier and a ratio; 4:3 and 3:4 are wider than before."""

SHAPE_BY_SIZE: Final[Mapping[str, tuple[Tier, str]]] = {
    size: (tier, ratio)
    for table in (LEGACY_SIZES, WAN27_SIZES)
    for tier, sizes in table.items()
    for ratio, size in sizes.items()
}
"""Tier and ratio of every size that any generation knows."""


def legacy_sizes(tiers: Iterable[Tier]) -> Mapping[str, tuple[Tier, str]]:
    """The sizes of *tiers* that a legacy model takes, with tier and ratio."""
    return {size: (tier, ratio) for tier in tiers for ratio, size in LEGACY_SIZES[tier].items()}
