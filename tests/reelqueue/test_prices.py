from __future__ import annotations

from collections.abc import Mapping
from datetime import date
from decimal import Decimal
from typing import Any, cast

import pytest

from reelqueue import estimate, parse_request, region_of
from reelqueue.catalog import Tier
from reelqueue.catalog.price_list import Price, Prices, PriceSource, released_prices
from reelqueue.pricing import billed_price, dearest_price

P = "https://media.example/first.png"
V = "https://media.example/clip.mp4"
BEIJING, SINGAPORE, VIRGINIA = "cn-beijing", "ap-southeast-1", "us-east-1"


def clip(role: str) -> dict[str, Any]:
    return {"media": [{"type": role, "url": V}]}


@pytest.mark.parametrize(
    ("region", "options", "least", "most"),
    [
        # nothing said: five seconds at 1080P
        (SINGAPORE, {"model": "wan2.6-t2v", "prompt": "x"}, "0.75", "0.75"),
        (BEIJING, {"model": "wan2.6-t2v", "prompt": "x"}, "5.0", "5.0"),
        (SINGAPORE, {"model": "wan2.6-t2v", "prompt": "x", "resolution": "960x960", "duration": 15}, "1.50", "1.50"),
        (SINGAPORE, {"model": "wan2.5-t2v-preview", "prompt": "x", "resolution": "480P"}, "0.25", "0.25"),
        # silence halves the price where it can be asked for
        (SINGAPORE, {"model": "wan2.6-i2v-flash", "image": P, "resolution": "720P"}, "0.25", "0.25"),
        (SINGAPORE, {"model": "wan2.6-i2v-flash", "image": P, "resolution": "720P", "audio": False}, "0.125", "0.125"),
        # reference videos count, five seconds at most in all
        (SINGAPORE, {"model": "wan2.6-r2v", "prompt": "x", "reference_urls": [P]}, "0.75", "0.75"),
        (SINGAPORE, {"model": "wan2.6-r2v", "prompt": "x", "reference_urls": [V, V]}, "1.05", "1.50"),
        # an edit bills input and output
        (SINGAPORE, {"model": "wan2.7-videoedit", **clip("video")}, "0.60", "3.00"),
        (SINGAPORE, {"model": "wan2.7-videoedit", **clip("video"), "duration": 4}, "0.90", "2.10"),
        (BEIJING, {"model": "happyhorse-1.0-video-edit", "prompt": "x", **clip("video")}, "9.6", "48.0"),
        # a continued clip bills the total length that was asked for
        (SINGAPORE, {"model": "wan2.7-i2v", **clip("first_clip"), "duration": 15}, "2.25", "2.25"),
        # Wan 3.0: all input counts, thirty seconds in all
        (BEIJING, {"model": "wan3.0-video", "prompt": "x", "resolution": "480P"}, "1.5", "1.5"),
        (BEIJING, {"model": "wan3.0-video", "prompt": "x", "duration": -1}, "2.4", "36.0"),
        (BEIJING, {"model": "wan3.0-video", "reference_urls": [V], "duration": 20}, "25.2", "36.0"),
        # the scope of the United States
        (VIRGINIA, {"model": "wan2.6-t2v-us", "prompt": "x"}, "0.75", "0.75"),
    ],
)
def test_an_estimate(region: str, options: Mapping[str, Any], least: str, most: str) -> None:
    cost = estimate(parse_request(options), region)

    assert cost is not None
    assert (cost.min_amount, cost.max_amount) == (Decimal(least), Decimal(most))
    assert cost.currency == ("CNY" if region == BEIJING else "USD")


@pytest.mark.parametrize(
    ("region", "options"),
    [
        (SINGAPORE, {"model": "acme-video", "prompt": "x"}),  # in no table
        (SINGAPORE, {"model": "wan2.7-t2v-2026-04-25", "prompt": "x"}),  # snapshots differ slightly there
        (SINGAPORE, {"model": "wan2.2-i2v-flash", "image": P, "resolution": "1080P"}),  # a tier without a price
        (BEIJING, {"model": "happyhorse-1.1-t2v", "prompt": "x", "resolution": "480P"}),
        (VIRGINIA, {"model": "wan2.6-t2v", "prompt": "x"}),  # two pages, two prices
        ("eu-central-1", {"model": "wan2.6-t2v", "prompt": "x"}),
    ],
)
def test_an_unpublished_price_is_unknown_and_not_guessed(region: str, options: Mapping[str, Any]) -> None:
    assert estimate(parse_request(options), region) is None


def test_what_only_resellers_state_is_an_estimate_and_says_so() -> None:
    for model in ("wan3.0-video", "happyhorse-1.1-t2v"):
        cost = estimate(parse_request({"model": model, "prompt": "x"}), SINGAPORE)
        assert cost is not None
        assert cost.source is PriceSource.ESTIMATE
    published = estimate(parse_request({"model": "wan2.6-t2v", "prompt": "x"}), SINGAPORE)
    assert published is not None
    assert published.source is PriceSource.RELEASE


def listed(**by_tier: str) -> Prices:
    price = Price(
        per_second={cast("Tier", tier[1:]): Decimal(amount) for tier, amount in by_tier.items()},
        priced_on=date(2026, 11, 30),
        source=PriceSource.PROVIDER,
    )
    return lambda model, region: (price, *released_prices(model, region))


@pytest.mark.parametrize(
    ("options", "most"),
    [
        ({"duration": 5, "resolution": "720P"}, "2.0"),
        ({"duration": 5, "resolution": "1280x720"}, "2.0"),
        ({"duration": 5, "resolution": "1080P"}, "4.5"),
        ({"duration": 5}, "4.5"),  # nothing says what it renders by default: the dearest
        ({"resolution": "720P"}, None),  # nor how long
        ({"duration": 5, "resolution": "480P"}, None),
        ({"duration": 5, "resolution": "720P", "raw": {"frames": 200}}, None),
        ({"duration": 5, "resolution": "720P", "reference_urls": [V], "mode": "reference-to-video"}, None),
        ({"duration": 5, "resolution": "720P", "image": P, "mode": "image-to-video"}, "2.0"),
    ],
)
def test_a_model_of_no_release_has_the_price_of_a_list(options: Mapping[str, Any], most: str | None) -> None:
    request = parse_request({"model": "acme-video", "prompt": "x", **options})

    cost = estimate(request, SINGAPORE, prices=listed(_720P="0.4", _1080P="0.9"))

    assert (cost and cost.max_amount) == (most and Decimal(most))
    assert estimate(request, SINGAPORE) is None


def test_each_tier_has_the_first_price_that_a_source_knows() -> None:
    prices = listed(_720P="0.4")

    for resolution, source in (("720P", PriceSource.PROVIDER), ("1080P", PriceSource.RELEASE)):
        request = parse_request({"model": "wan2.6-t2v", "prompt": "x", "resolution": resolution})
        cost = estimate(request, SINGAPORE, prices=prices)
        assert cost is not None
        assert cost.source is source


def test_an_estimate_says_how_it_came_about() -> None:
    cost = estimate(parse_request({"model": "wan2.6-r2v", "prompt": "x", "reference_urls": [V], "duration": 4}))

    assert cost is not None
    assert (cost.billed_seconds_min, cost.billed_seconds_max) == (5, 9)
    assert cost.region == SINGAPORE
    assert cost.priced_on == date(2026, 4, 1)


@pytest.mark.parametrize(
    ("base_url", "region"),
    [
        ("https://dashscope-intl.aliyuncs.com", SINGAPORE),
        ("https://dashscope.aliyuncs.com/", BEIJING),
        ("https://dashscope-us.aliyuncs.com", VIRGINIA),
        ("https://cn-hongkong.dashscope.aliyuncs.com", "cn-hongkong"),
        ("https://llm-abc123.cn-beijing.maas.aliyuncs.com", BEIJING),
        ("https://WS.eu-central-1.maas.aliyuncs.com/", "eu-central-1"),
        ("https://ws.cn-hongkong.maas.aliyuncs.com", "cn-hongkong"),
        ("http://127.0.0.1:8080", SINGAPORE),  # the simulator
        ("nonsense", SINGAPORE),
    ],
)
def test_the_region_of_a_host(base_url: str, region: str) -> None:
    assert region_of(base_url) == region


@pytest.mark.parametrize(
    ("model", "usage", "price"),
    [
        ("wan2.6-t2v", {"duration": 5, "SR": 720}, "0.10"),
        ("wan2.6-t2v", {"duration": 5, "SR": "1080"}, "0.15"),
        ("wan2.6-i2v-flash", {"SR": 720, "audio": False}, "0.025"),  # silent is cheaper
        ("wan2.5-t2v-preview", {"video_ratio": "832*480"}, "0.05"),
    ],
)
def test_what_a_second_of_a_finished_video_costs(model: str, usage: Mapping[str, Any], price: str) -> None:
    assert billed_price(model, usage, "ap-southeast-1") == (Decimal(price), "USD")


def test_what_was_asked_for_tells_the_sound_where_usage_does_not() -> None:
    silent, stated = {"SR": 720}, {"SR": 720, "audio": True}

    assert billed_price("wan2.6-r2v-flash", silent, SINGAPORE, is_silent=True) == (Decimal("0.025"), "USD")
    assert billed_price("wan2.6-r2v-flash", stated, SINGAPORE, is_silent=True) == (Decimal("0.05"), "USD")


@pytest.mark.parametrize("usage", [{}, {"video_ratio": "standard"}, {"SR": 4320}, {"SR": 480}])
def test_usage_that_names_no_tier_with_a_price_tells_none(usage: Mapping[str, Any]) -> None:
    assert billed_price("wan2.6-t2v", usage, SINGAPORE) is None


def test_the_dearest_price_is_the_most_that_a_second_can_have_cost() -> None:
    assert dearest_price("wan2.6-t2v", SINGAPORE) == (Decimal("0.15"), "USD")
    assert dearest_price("some-new-t2v", SINGAPORE) is None


@pytest.mark.parametrize(("model", "region"), [("some-new-t2v", "ap-southeast-1"), ("wan2.6-t2v", "us-east-1")])
def test_what_no_list_prices_has_no_price(model: str, region: str) -> None:
    assert billed_price(model, {"SR": 720}, region) is None
