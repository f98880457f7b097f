"""What is reserved covers what is billed, whatever is sent: the simulator's price of a body is the oracle."""

from __future__ import annotations

import contextlib
from collections.abc import Mapping
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from reelqueue import MODELS, InvalidRequestError, estimate, parse_request
from reelqueue.builder import body_of
from reelqueue.catalog import Protocol
from reelqueue.pricing import billed_price, unpriced_warning
from reelqueue.requests.base import RenderRequest
from simulator.core.pricing import price_of
from simulator.core.usage import usage_of
from simulator.core.video_plan import plan_rendition
from simulator.errors import TaskFailure
from simulator.references import references_of
from simulator.tasks import Outcome
from simulator.validation.parameters import check_parameters
from tests.support.drawn_requests import LINE, OBJECTS, requests

BEIJING, SINGAPORE = "cn-beijing", "ap-southeast-1"
BOAT = {"model": "wan2.6-t2v", "prompt": "a paper boat", "resolution": "720P", "duration": 2}
NAMES = st.sampled_from(
    [
        "duration", "size", "resolution", "audio", "n", "model", "ratio", "seed", "watermark", "prompt_extend",
        "shot_type", "audio_setting", "fps", "video_count", "parameters", "Duration", " size", "SIZE",
    ]
)  # fmt: skip
VALUES = st.sampled_from(
    [
        0, 1, 2, 4, 5, 10, 15, 30, -1, "15", 15.0, True, False, None, "480P", "720P", "1080P", "1080p", "832*480",
        "1280*720", "1920*1080", "1920x1080", "wan2.6-t2v", "auto", [1], {"duration": 15},
    ]
)  # fmt: skip
RAWS = st.dictionaries(NAMES | LINE, VALUES, min_size=1, max_size=4) | OBJECTS


def outcome_of(body: Mapping[str, Any], input_seconds: float) -> Outcome | None:
    """How the simulator ends a task of this body; None where it fails, which costs nothing."""
    spec, references = MODELS[body["model"]], references_of(body)
    videos = sum(reference.role == "reference_video" for reference in references)
    try:
        check_parameters(body["parameters"], spec, has_reference_video=videos > 0)
    except TaskFailure:
        return None
    rendition = plan_rendition(body["parameters"], spec, references, input_seconds)
    if spec.protocol is Protocol.WAN3:
        assume(rendition.input_seconds <= 15 and rendition.input_seconds + rendition.output_seconds <= 30)
    return Outcome(0.0, clip=rendition.clip, usage=usage_of(rendition, spec), tier=rendition.tier)


def accepted(options: dict[str, Any]) -> RenderRequest | None:
    with contextlib.suppress(InvalidRequestError):
        return parse_request(options)
    return None


def check_covered(request: RenderRequest, region: str, input_seconds: float) -> None:
    body = body_of(request)
    cost, outcome = estimate(request, region), outcome_of(body, input_seconds)
    if cost is None or outcome is None:
        return
    bill = price_of(request.model, outcome, region)
    assert bill is not None
    is_silent = body["parameters"].get("audio") is False
    listed = billed_price(request.model, outcome.usage, region, is_silent=is_silent)
    at_admission = (cost.max_amount / cost.billed_seconds_max, cost.currency)
    per_second, currency = listed or at_admission

    assert cost.min_amount <= bill[0] <= cost.max_amount
    assert (per_second * outcome.billed_seconds, currency) == bill


@given(requests(), RAWS, st.sampled_from([BEIJING, SINGAPORE]), st.sampled_from([3.0, 5.5, 10.0]))
def test_whatever_a_producer_sends_is_refused_unpriced_or_covered(
    options: dict[str, Any], raw: dict[str, Any], region: str, input_seconds: float
) -> None:
    request = accepted(options | {"raw": raw})

    if request is not None:
        check_covered(request, region, input_seconds)


@given(requests(), RAWS, st.sampled_from([BEIJING, SINGAPORE]), st.sampled_from([3.0, 5.5, 10.0]))
def test_what_was_stored_before_raw_was_checked_is_unpriced_or_covered(
    options: dict[str, Any], raw: dict[str, Any], region: str, input_seconds: float
) -> None:
    request = parse_request(options).model_copy(update={"raw": raw})

    check_covered(request, region, input_seconds)


@pytest.mark.parametrize(
    ("raw", "most"),
    [
        ({"duration": 15, "size": "1920*1080"}, "2.25"),
        ({"duration": 15}, "1.50"),
        ({"size": "1920*1080"}, "0.30"),
        ({"watermark": True, "seed": 3, "audio_setting": "auto"}, "0.20"),
    ],
)
def test_a_stored_raw_is_priced_as_it_is_sent(raw: dict[str, Any], most: str) -> None:
    cost = estimate(parse_request(BOAT).model_copy(update={"raw": raw}))

    assert cost is not None
    assert cost.max_amount == Decimal(most)


@pytest.mark.parametrize(
    "raw", [{"n": 4}, {"duration": "15"}, {"duration": 99}, {"size": "9999*9999"}, {"resolution": "1080P"}, {"fps": 60}]
)
def test_what_may_change_the_bill_has_no_price(raw: dict[str, Any]) -> None:
    request = parse_request(BOAT).model_copy(update={"raw": raw})

    assert estimate(request) is None
    assert f"raw sends {next(iter(raw))} to wan2.6-t2v" in unpriced_warning(request, SINGAPORE)


def test_a_reference_whose_url_does_not_tell_its_kind_is_priced_as_the_video_that_it_may_be() -> None:
    cost = estimate(parse_request({"model": "wan2.6-r2v", "prompt": "x", "reference_urls": ["https://a.example/1"]}))

    assert cost is not None
    assert (cost.min_amount, cost.max_amount) == (Decimal("0.75"), Decimal("1.50"))
