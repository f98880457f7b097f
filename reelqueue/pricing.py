"""What a request will cost by the prices of a day; the bill itself comes from the provider's usage.

A price is a function of the body that is sent. So no option, however it came into the body, is billed unpriced.
Which prices count is the caller's to say: without a server those of this release, on one what
`models.operations.money.prices` knows.
"""

from __future__ import annotations

import contextlib
import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from typing import TYPE_CHECKING, Any, Final
from urllib.parse import urlsplit

from reelqueue.builder import body_of
from reelqueue.catalog import ModelSpec, Tier, assume, lookup
from reelqueue.catalog.price_list import (
    BEIJING,
    SINGAPORE,
    VIRGINIA,
    Prices,
    PriceSource,
    Rate,
    dearest_rate,
    rate_of,
    released_prices,
)
from reelqueue.errors import InvalidRequestError
from reelqueue.requests.media_roles import is_picture, is_video
from reelqueue.requests.resolution import read_resolution

if TYPE_CHECKING:
    from reelqueue.requests.base import RenderRequest

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

_UNBILLED_PARAMETERS: Final = frozenset({"audio_setting", "prompt_extend", "ratio", "seed", "shot_type", "watermark"})
"""Published parameters that never change the bill."""

_PICTURE_ROLES: Final = frozenset({"first_frame", "last_frame", "reference_image"})

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
    """The day of the price; of a table of this release, the first day of the month whose page said so."""
    source: PriceSource = PriceSource.RELEASE
    """Where the price is from."""


def estimate(
    request: RenderRequest, region: str = SINGAPORE, *, prices: Prices = released_prices
) -> CostEstimate | None:
    """The expected cost of *request* in a region; None where it cannot be known, see `unpriced_warning`."""
    return price_body(body_of(request), region, prices=prices)


def price_body(body: Mapping[str, Any], region: str, *, prices: Prices = released_prices) -> CostEstimate | None:
    """The expected cost of a submit's JSON body, whatever options it was built from.

    Returns:
        None where no price is known for it, or where it has a parameter whose effect on the bill is unknown.
    """
    spec = lookup(body["model"]) or assume(body["model"])
    parameters: Mapping[str, Any] = body["parameters"]
    if _unpriced_parameters(parameters, spec) or (not spec.is_known and _unknown_length(body)):
        return None
    listed = prices(body["model"], region)
    if spec.is_known or _named_tier(_said_shape(parameters), spec):
        rate = rate_of(listed, _tier(parameters, spec), region, is_silent=parameters.get("audio") is False)
    else:
        rate = dearest_rate(listed, region)  # nothing says what it renders by default
    if rate is None:
        return None
    least, most = _billed_seconds(body, spec)
    return CostEstimate(
        min_amount=least * rate.per_second,
        max_amount=most * rate.per_second,
        currency=rate.currency,
        billed_seconds_min=least,
        billed_seconds_max=most,
        region=region,
        priced_on=rate.priced_on,
        source=rate.source,
    )


def billed_price(
    model: str,
    usage: Mapping[str, object],
    region: str,
    *,
    is_silent: bool = False,
    prices: Prices = released_prices,
) -> tuple[Decimal, str] | None:
    """The price of a second and its currency, by what the provider says of a video that it has rendered.

    Args:
        model: The provider's model id.
        usage: Of the finished task: ``SR``, ``size`` or ``video_ratio`` tell the tier, ``audio`` the sound.
        region: Whose price list.
        is_silent: Whether it was asked for without sound, which counts where usage does not say.
        prices: Those of the day of the submit.

    Returns:
        None where usage names no tier, or no price is known for it.
    """
    tier, sound = _billed_tier(usage), usage.get("audio")
    if tier is None:
        return None
    silent = is_silent if sound is None else sound is False
    return _money(rate_of(prices(model, region), tier, region, is_silent=silent))


def dearest_price(model: str, region: str, *, prices: Prices = released_prices) -> tuple[Decimal, str] | None:
    """The most that a second of a model's video costs, and its currency; None where no price is known."""
    return _money(dearest_rate(prices(model, region), region))


def _money(rate: Rate | None) -> tuple[Decimal, str] | None:
    return None if rate is None else (rate.per_second, rate.currency)


def _billed_tier(usage: Mapping[str, object]) -> Tier | None:
    for text in (f"{usage.get('SR')}P", str(usage.get("size")), str(usage.get("video_ratio"))):
        with contextlib.suppress(InvalidRequestError):
            return read_resolution(text).tier
    return None


def unpriced_warning(request: RenderRequest, region: str, *, prices: Prices = released_prices) -> str:
    """The sentence for a request of which `estimate` knows no price."""
    spec = lookup(request.model) or assume(request.model)
    body = body_of(request)
    parameters = body["parameters"]
    if not prices(request.model, region):
        return f"no price is known for {request.model} in {region}, so its cost is unknown"
    if not spec.is_known and (why := _unknown_length(body)):
        return f"{request.model} is in no table of this release, and {why}, so its cost is unknown"
    if unpriced := _unpriced_parameters(parameters, spec):
        return (
            f"raw sends {', '.join(unpriced)} to {request.model}, and nothing is published on whether that changes "
            "the bill, so its cost is unknown"
        )
    return f"no price is known for {request.model} at {_tier(parameters, spec)} in {region}, so its cost is unknown"


def region_of(base_url: str) -> str:
    """The region that a DashScope host serves.

    Any other host, such as the simulator or a proxy, counts as Singapore, where the default host is.
    """
    host = (urlsplit(base_url).hostname or "").lower()
    workspace = _WORKSPACE_HOST.fullmatch(host)
    return workspace[1] if workspace else _REGION_BY_HOST.get(host, SINGAPORE)


def _unpriced_parameters(parameters: Mapping[str, Any], spec: ModelSpec) -> list[str]:
    """The parameters of which nothing says what they do to the bill; only `RenderRequest.raw` brings such."""
    return sorted(name for name in parameters.keys() - _UNBILLED_PARAMETERS if not _is_priced(name, parameters, spec))


def _is_priced(name: str, parameters: Mapping[str, Any], spec: ModelSpec) -> bool:
    value = parameters[name]
    match name:
        case "duration":
            return type(value) is int and (spec.durations.allows(value) if spec.is_known else value > 0)
        case "audio":
            return isinstance(value, bool)
        case "size" | "resolution" if not spec.is_known:
            return _named_tier(value, spec) is not None and not {"size", "resolution"} <= parameters.keys()
        case _:
            return name == ("size" if spec.sizes else "resolution") and _named_tier(value, spec) is not None


def _unknown_length(body: Mapping[str, Any]) -> str | None:
    """Why nothing says how many seconds of a model in no table are billed; None: its duration does."""
    if not body["parameters"].get("duration"):
        return "its duration is not given"
    if any(item["type"] not in _PICTURE_ROLES for item in body["input"].get("media", ())):
        return "a video or sound that it takes may be billed"
    if any(not is_picture(url) for url in body["input"].get("reference_urls", ())):
        return "what it refers to may be a video, which may be billed"
    return None


def _said_shape(parameters: Mapping[str, Any]) -> object:
    return parameters.get("size", parameters.get("resolution"))


def _named_tier(value: object, spec: ModelSpec) -> Tier | None:
    """The tier of a size or a resolution; None for what the model does not take."""
    text = str(value)
    if not spec.is_known:
        with contextlib.suppress(InvalidRequestError):
            return read_resolution(text).tier
        return None
    if spec.sizes:
        return spec.sizes.get(text.replace("*", "x"), (None, ""))[0]
    return next((tier for tier in spec.tiers if tier == text), None)


def _tier(parameters: Mapping[str, Any], spec: ModelSpec) -> Tier:
    said = parameters.get("size" if spec.sizes else "resolution") if spec.is_known else _said_shape(parameters)
    return _named_tier(said, spec) or spec.default_tier


def _billed_seconds(body: Mapping[str, Any], spec: ModelSpec) -> _Range:
    duration = body["parameters"].get("duration")
    certain, possible = _reference_videos(body["input"])
    if not spec.is_known:
        return duration, duration
    if any(item["type"] == "video" for item in body["input"].get("media", ())):
        return _edited_seconds(duration, spec)
    least, most = _output_seconds(duration, spec)
    if possible and spec.id.startswith("wan3"):
        # All input is billed, and at least a second of each video is input.
        longest_input = _input_seconds(spec, "reference_video")[1]
        return least + certain, min(most + longest_input, _WAN3_SECONDS_MAX)
    if possible:
        return least + min(certain, _BILLED_REFERENCE_SECONDS_MAX), most + _BILLED_REFERENCE_SECONDS_MAX
    return least, most


def _reference_videos(source: Mapping[str, Any]) -> _Range:
    """How many references are videos: at least, and at most, as a URL may not tell what it leads to."""
    listed = sum(item["type"] == "reference_video" for item in source.get("media", ()))
    urls = source.get("reference_urls", ())
    videos = sum(is_video(url) for url in urls)
    return listed + videos, listed + sum(is_video(url) or not is_picture(url) for url in urls)


def _output_seconds(duration: int | None, spec: ModelSpec) -> _Range:
    seconds = duration if duration is not None else spec.durations.default_seconds
    if seconds is None or seconds in spec.durations.special:
        return spec.durations.seconds[0], spec.durations.seconds[-1]
    return seconds, seconds


def _edited_seconds(duration: int | None, spec: ModelSpec) -> _Range:
    shortest, longest = _input_seconds(spec, "video")
    longest = min(longest, _EDITED_SECONDS_MAX)
    if duration:
        return shortest + duration, longest + duration
    return shortest * 2, longest * 2


def _input_seconds(spec: ModelSpec, role: str) -> _Range:
    clip = spec.media.by_name[role].clip if spec.media else None
    return (int(clip.seconds_min), int(clip.seconds_max)) if clip else (0, 0)
