"""What a request will cost by the list prices of a day; the bill itself comes from the provider's usage."""

from __future__ import annotations

import contextlib
import re
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from typing import TYPE_CHECKING, Final
from urllib.parse import urlsplit

from reelqueue.catalog import ModelSpec, Tier, lookup
from reelqueue.catalog.price_list import BEIJING, CURRENCY_BY_REGION, PRICES, SINGAPORE, VIRGINIA
from reelqueue.errors import InvalidRequestError
from reelqueue.requests.media_roles import placed_media
from reelqueue.requests.resolution import read_resolution

if TYPE_CHECKING:
    from reelqueue.requests.types import RenderRequest

_REGION_BY_HOST: Final = {
    "dashscope.aliyuncs.com": BEIJING,
    "dashscope-intl.aliyuncs.com": SINGAPORE,
    "dashscope-us.aliyuncs.com": VIRGINIA,
    "cn-hongkong.dashscope.aliyuncs.com": "cn-hongkong",
}
_WORKSPACE_HOST: Final = re.compile(r"[^.]+\.([a-z]+-[a-z]+(?:-[0-9]+)?)\.maas\.aliyuncs\.com")

_BILLED_REFERENCE_SECONDS_MAX: Final = 5
"""Of the reference videos of Wan 2.6 and 2.7, which count at most this much in all."""
_EDITED_SECONDS_MAX: Final = 15
"""HappyHorse reads no more of a video that it edits."""
_WAN3_SECONDS_MAX: Final = 30
"""Input and output of Wan 3.0 together."""

_Range = tuple[int, int]


@dataclass(frozen=True, slots=True, kw_only=True)
class CostEstimate:
    """What a request is expected to cost; least and most differ where the length of an input decides."""

    min_amount: Decimal
    max_amount: Decimal
    currency: str
    """ISO 4217 code."""
    billed_seconds_min: int
    billed_seconds_max: int
    """Output, and input where it is billed."""
    region: str
    priced_on: date
    """First day of the month whose price list this is."""


def estimate(request: RenderRequest, region: str = SINGAPORE) -> CostEstimate | None:
    """The expected cost of *request* in a region; None where no price is published for it."""
    spec = lookup(request.model)
    price = PRICES.get(region, {}).get(request.model)
    if spec is None or price is None:
        return None
    is_silent = request.audio is False and price.silent_per_second is not None
    amounts = price.silent_per_second if is_silent else price.per_second
    amount = (amounts or {}).get(_tier(request, spec))
    if amount is None:
        return None
    least, most = _billed_seconds(request, spec)
    return CostEstimate(
        min_amount=least * amount,
        max_amount=most * amount,
        currency=CURRENCY_BY_REGION[region],
        billed_seconds_min=least,
        billed_seconds_max=most,
        region=region,
        priced_on=price.priced_on,
    )


def billed_price(model: str, usage: Mapping[str, object], region: str) -> tuple[Decimal, str] | None:
    """The price of a second and its currency, by what the provider says of a video that it has rendered.

    For a video whose request is not known. Where usage names no tier, the model's dearest is taken.

    Args:
        model: The provider's model id.
        usage: Of the finished task: ``SR``, ``size`` or ``video_ratio`` tell the tier, ``audio`` the sound.
        region: Whose price list.

    Returns:
        None where no price is published.
    """
    price = PRICES.get(region, {}).get(model)
    if price is None:
        return None
    is_silent = usage.get("audio") is False and price.silent_per_second is not None
    amounts = (price.silent_per_second if is_silent else price.per_second) or {}
    tier = _billed_tier(usage)
    amount = amounts.get(tier) if tier else max(amounts.values(), default=None)
    return None if amount is None else (amount, CURRENCY_BY_REGION[region])


def _billed_tier(usage: Mapping[str, object]) -> Tier | None:
    for text in (f"{usage.get('SR')}P", str(usage.get("size")), str(usage.get("video_ratio"))):
        with contextlib.suppress(InvalidRequestError):
            return read_resolution(text).tier
    return None


def unpriced_warning(request: RenderRequest, region: str) -> str:
    """The sentence for a request of which `estimate` knows no price."""
    spec = lookup(request.model)
    tier = f" at {_tier(request, spec)}" if spec else ""
    return f"no price is published for {request.model}{tier} in {region}, so its cost is unknown"


def region_of(base_url: str) -> str:
    """The region that a DashScope host serves.

    Any other host, such as the simulator or a proxy, counts as Singapore, where the default host is.
    """
    host = (urlsplit(base_url).hostname or "").lower()
    workspace = _WORKSPACE_HOST.fullmatch(host)
    return workspace[1] if workspace else _REGION_BY_HOST.get(host, SINGAPORE)


def _tier(request: RenderRequest, spec: ModelSpec) -> Tier:
    asked = read_resolution(request.resolution).tier if request.resolution is not None else None
    return asked or spec.default_tier


def _billed_seconds(request: RenderRequest, spec: ModelSpec) -> _Range:
    roles = Counter(medium.role for medium in placed_media(request, spec))
    if roles["video"]:
        return _edited_seconds(request, spec)
    least, most = _output_seconds(request, spec)
    videos = roles["reference_video"]
    if videos and spec.id.startswith("wan3"):
        # All input is billed, and at least a second of each video is input.
        longest_input = _input_seconds(spec, "reference_video")[1]
        return least + videos, min(most + longest_input, _WAN3_SECONDS_MAX)
    if videos:
        return least + min(videos, _BILLED_REFERENCE_SECONDS_MAX), most + _BILLED_REFERENCE_SECONDS_MAX
    return least, most


def _output_seconds(request: RenderRequest, spec: ModelSpec) -> _Range:
    seconds = request.duration if request.duration is not None else spec.durations.default_seconds
    if seconds is None or seconds in spec.durations.special:
        return spec.durations.seconds[0], spec.durations.seconds[-1]
    return seconds, seconds


def _edited_seconds(request: RenderRequest, spec: ModelSpec) -> _Range:
    shortest, longest = _input_seconds(spec, "video")
    longest = min(longest, _EDITED_SECONDS_MAX)
    if request.duration:
        return shortest + request.duration, longest + request.duration
    return shortest * 2, longest * 2


def _input_seconds(spec: ModelSpec, role: str) -> _Range:
    clip = spec.media.by_name[role].clip if spec.media else None
    return (int(clip.seconds_min), int(clip.seconds_max)) if clip else (0, 0)
