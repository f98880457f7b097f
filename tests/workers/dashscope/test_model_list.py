"""A price that is not understood is unread, with its reason: never zero, and never the cheaper neighbour's."""

from __future__ import annotations

from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

import pytest

from workers.dashscope.model_list import ListedModel, dearest, parse_models
from workers.dashscope.wire import UnreadableError

MODEL = "wan2.6-t2v"


def line(
    kind: str = "video_ratio_720p", price: object = "0.1", unit: str = "Per second", **more: Any
) -> dict[str, Any]:
    return {"type": kind, "price": price, "price_unit": unit, **more}


def row(*lines: object, **more: Any) -> dict[str, Any]:
    prices = [{"range_name": "Default", "prices": list(lines)}]
    return {"model": MODEL, "capabilities": ["VG"], "prices": prices, **more}


def read(given: dict[str, Any]) -> ListedModel:
    (found,) = parse_models({"output": {"total": 1, "models": [given]}}).models
    return found


@pytest.mark.parametrize(
    "given",
    [
        row(line()),
        row(line(price=0.1)),
        row(line(unit="每秒")),
        row(line(unit="USD/s")),
        row(line(unit="per second", time_band="standard")),
        row(line(kind="VIDEO_RATIO_720P")),
        row(line(), line(price="0.01", time_band="night")),
        row(line(), line(price="0.09")),  # the dearer of two
        row(line(), name=None, capabilities=None, published_time=7, extra={}),
    ],
)
def test_a_price_of_a_second_is_read(given: dict[str, Any]) -> None:
    assert read(given) == ListedModel(model=MODEL, per_second={"720P": Decimal("0.1")})


@pytest.mark.parametrize(
    ("given", "said"),
    [
        (row(line(unit="Per minute")), "the unit 'Per minute'"),
        (row(line(unit="Per 10 seconds")), "the unit"),
        (row(line(unit="每万字符")), "the unit"),
        (row(line(unit="")), "the unit"),
        *[
            (row(line(price=price)), "no amount above 0")
            for price in ("0", "0.00", 0, -1, "-0.1", "NaN", "1,000", "", None, True, "1e3", "inf", [])
        ],
        (row(line(), line(kind="video_ratio_pro", price="9")), "'video_ratio_pro'"),
        (row(line(time_band="night")), "no price of a second"),
        (row(line(kind="720P_no_audio")), "no price of a second"),
        (row("0.1"), "no object"),
        (row(), "no price of a second"),
        ({**row(), "prices": None}, "no price of a second"),
        ({**row(), "prices": [None, {}, {"prices": None}]}, "no price of a second"),
    ],
)
def test_what_is_not_understood_is_no_price(given: dict[str, Any], said: str) -> None:
    found = read(given)

    assert found.per_second == {}
    assert said in (found.problem or "")


def test_silence_has_a_price_of_its_own() -> None:
    found = read(row(line(), line(kind="video_ratio_1080p", price="0.15"), line(kind="720P_no_audio", price="0.05")))

    assert found.per_second == {"720P": Decimal("0.1"), "1080P": Decimal("0.15")}
    assert found.silent_per_second == {"720P": Decimal("0.05")}


@pytest.mark.parametrize(
    "info",
    [
        {"offline_time": "2026-12-31 00:00:00"},
        {"offlineTime": "2026-12-31"},
        {"inference": {"offline_time": "2026-12-31 00:00:00"}, "deploy": {"offlineTime": "2027-06-30 00:00:00"}},
        [{"offline_time": "2026-12-31T00:00:00"}],
    ],
)
def test_the_earliest_end_at_any_depth_counts_in_the_time_of_beijing(info: object) -> None:
    assert read(row(line(), inference_offline_info=info)).ends_at == datetime(2026, 12, 30, 16, tzinfo=UTC)


def test_an_end_without_a_date_is_said() -> None:
    found = read(row(line(), inference_offline_info={"offline_time": "soon"}))

    assert (found.ends_at, found.end_problem) == (None, "it ends, and 'soon' is no date")


def test_of_a_model_that_comes_twice_the_dearer_price_and_the_earlier_end_count() -> None:
    end = {"inference_offline_info": {"offline_time": "2026-12-31 00:00:00"}}
    two = [read(row(line(price="0.2"), **end)), read(row(line(), line(kind="video_ratio_1080p", price="0.3")))]

    found = dearest(two)[MODEL]

    assert found.per_second == {"720P": Decimal("0.2"), "1080P": Decimal("0.3")}
    assert found.ends_at is not None


def test_models_of_text_are_left_out() -> None:
    text = {"model": "qwen3.7-plus", "capabilities": ["TG"], "prices": []}

    page = parse_models({"output": {"total": 2, "models": [text, row(line()), {"no": "model"}]}})

    assert [one.model for one in page.models] == [MODEL]
    assert page.row_count == 3


@pytest.mark.parametrize(
    "document", [{}, {"output": []}, {"output": {"models": {}}}, {"success": False, "output": {"models": []}}]
)
def test_what_is_no_list_is_not_read(document: dict[str, Any]) -> None:
    with pytest.raises(UnreadableError):
        parse_models(document)
