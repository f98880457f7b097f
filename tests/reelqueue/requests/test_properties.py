from __future__ import annotations

import json
from typing import Any

from hypothesis import given, reject
from hypothesis import strategies as st

from reelqueue import MODELS, InvalidRequestError, build, estimate, parse_request
from reelqueue.requests.option_table import EVERY_OPTION
from reelqueue.requests.types import REQUEST_TYPES
from tests.support.drawn_requests import OBJECTS, requests

RUBBISH = st.none() | st.integers() | st.text(max_size=8) | st.lists(st.integers(), max_size=2) | OBJECTS
INPUTS = {
    "prompt": "prompt", "negative_prompt": "negative_prompt", "audio_url": "audio_url", "img_url": "image",
    "first_frame_url": "image", "last_frame_url": "last_frame", "reference_urls": "reference_urls",
}  # fmt: skip


def refused(options: dict[str, Any]) -> InvalidRequestError:
    try:
        parse_request(options)
    except InvalidRequestError as error:
        return error
    return reject()


@given(requests())
def test_options_are_the_whole_request(options: dict[str, Any]) -> None:
    request = parse_request(options)

    journey = parse_request(json.loads(json.dumps(request.options() | {"mode": request.mode})))

    assert journey == request
    assert build(journey) == build(request)


@given(requests())
def test_nothing_is_sent_that_the_model_does_not_list(options: dict[str, Any]) -> None:
    body = build(parse_request(options)).body
    taken = MODELS[options["model"]].options

    assert set(body) == {"model", "input", "parameters"}
    assert {INPUTS.get(key, key) for key in body["input"]} <= taken
    assert {"resolution" if key == "size" else key for key in body["parameters"]} <= taken | set(options.get("raw", {}))


@given(requests())
def test_nothing_is_sent_that_was_not_said(options: dict[str, Any]) -> None:
    body = build(parse_request(options)).body
    # A size says a ratio too, and any medium may become an item.
    said = set(options) | set(options.get("raw", {})) | {"ratio" if "resolution" in options else "", "media"}

    assert {INPUTS.get(key, key) for key in body["input"]} <= said
    assert {"resolution" if key == "size" else key for key in body["parameters"]} <= said


@given(requests())
def test_a_price_is_unknown_or_positive(options: dict[str, Any]) -> None:
    cost = estimate(parse_request(options), "cn-beijing")

    assert cost is None or 0 < cost.min_amount <= cost.max_amount


@given(requests(), st.dictionaries(st.text(max_size=8) | st.sampled_from(sorted(EVERY_OPTION)), RUBBISH, min_size=1))
def test_every_refusal_names_the_option(options: dict[str, Any], rubbish: dict[str, Any]) -> None:
    error = refused(options | rubbish)

    assert error.field is not None
    assert error.code
    assert error.field in EVERY_OPTION or error.code == "unknown_option"
    assert error.message


def test_every_option_of_every_kind_is_listed() -> None:
    fields = {name for kind in REQUEST_TYPES.values() for name in kind.model_fields}

    assert fields | {"mode"} == EVERY_OPTION
