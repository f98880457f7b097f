from __future__ import annotations

import json
from typing import Any

from hypothesis import given, reject
from hypothesis import strategies as st

from reelqueue import MODELS, InvalidRequestError, RenderRequest, build, estimate, lookup, parse_request
from reelqueue.refusals import EVERY_OPTION
from reelqueue.requests import REQUEST_TYPES

URLS = st.sampled_from([
    "https://media.example/a.png", "https://media.example/b.mp4", "https://media.example/c.mp3", "oss://bucket/d.jpg",
    "https://media.example/e", "data:image/png;base64,iVBORw0KGgo=", "nowhere",
])  # fmt: skip
ROLES = st.sampled_from([
    "first_frame", "last_frame", "driving_audio", "first_clip", "video", "reference_image", "reference_video",
    "reference_audio", "file", "link", "star",
])  # fmt: skip
ITEMS = st.fixed_dictionaries({"type": ROLES, "url": URLS}, optional={"reference_voice": URLS})
JSON = st.dictionaries(
    st.text(max_size=5),
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(max_size=5),
    max_size=3,
)

OPTIONS: dict[str, st.SearchStrategy[Any]] = {
    "prompt": st.text(max_size=40),
    "negative_prompt": st.text(max_size=40) | st.just("x" * 501),
    "resolution": st.sampled_from(["480P", "720p", "1080P", "1280x720", "1088x832", "1104*832", "832x480", "4K", ""]),
    "ratio": st.sampled_from(["16:9", "9:16", "1:1", "4:3", "4:5", "adaptive", ""]),
    "duration": st.integers(-2, 32),
    "seed": st.integers(-2, 2**31),
    "prompt_extend": st.booleans(),
    "watermark": st.booleans(),
    "audio": st.booleans(),
    "shot_type": st.sampled_from(["single", "multi"]),
    "audio_url": URLS,
    "image": URLS,
    "last_frame": URLS,
    "reference_urls": st.lists(URLS, max_size=6),
    "media": st.lists(ITEMS, max_size=6),
    "custom_id": st.text(max_size=20),
    "priority": st.integers(-101, 101),
    "metadata": JSON,
    "raw": JSON,
    "start_by": st.datetimes(timezones=st.timezones()).map(lambda moment: moment.isoformat()),
    "poll_interval_ms": st.integers(0, 10_000),
    "headers": st.dictionaries(st.sampled_from(["X-A", "x-b", "Host"]), st.text(max_size=3), max_size=2),
}
WORDS = {"model", "mode", "on_timeout", "poll_timeout_ms"}
MODEL_IDS = st.sampled_from([*MODELS, "acme-t2v", "acme-i2v", "wan2.7-r2v-2027-01-01", "wan3.9-video"])
REQUESTS = MODEL_IDS.flatmap(
    lambda model: st.fixed_dictionaries(
        {"model": st.just(model), "prompt": OPTIONS["prompt"]},
        # Mostly what the model takes, else nearly every draw would be refused for the same reason.
        optional={
            name: OPTIONS[name]
            for name in OPTIONS
            if name != "prompt" and (spec := lookup(model)) and name in spec.options
        }
        | {
            name: OPTIONS[name]
            for name in ("image", "reference_urls", "media", "metadata", "raw", "start_by", "custom_id")
        },
    )
)
WILD = st.fixed_dictionaries({"model": MODEL_IDS}, optional=OPTIONS)
PARAMETERS = {"size", "resolution", "ratio", "duration", "seed", "prompt_extend", "shot_type", "watermark", "audio"}
PARAMETER_BY_OPTION = {"size": "resolution"}
INPUTS = {
    "prompt": "prompt", "negative_prompt": "negative_prompt", "audio_url": "audio_url", "img_url": "image",
    "first_frame_url": "image", "last_frame_url": "last_frame", "reference_urls": "reference_urls", "media": "media",
}  # fmt: skip


def parsed(options: dict[str, Any]) -> RenderRequest:
    try:
        return parse_request(options)
    except InvalidRequestError:
        reject()


def refused(options: dict[str, Any]) -> InvalidRequestError:
    try:
        parse_request(options)
    except InvalidRequestError as error:
        return error
    return reject()


@given(REQUESTS)
def test_options_are_the_whole_request(options: dict[str, Any]) -> None:
    request = parsed(options)

    journey = json.loads(json.dumps(request.options() | {"mode": request.mode}))

    assert parse_request(journey) == request
    assert build(parse_request(journey)) == build(request)


@given(REQUESTS)
def test_nothing_is_sent_that_the_model_does_not_list(options: dict[str, Any]) -> None:
    request = parsed(options)
    taken = (lookup(request.model) or MODELS["wan2.6-t2v"]).options if lookup(request.model) else EVERY_OPTION

    body = build(request).body

    assert set(body) == {"model", "input", "parameters"}
    assert {INPUTS[key] for key in body["input"]} <= taken
    parameters = set(body["parameters"]) - set(request.raw or {})
    assert {PARAMETER_BY_OPTION.get(key, key) for key in parameters} <= taken


@given(WILD)
def test_every_refusal_names_an_option_of_the_request(options: dict[str, Any]) -> None:
    error = refused(options)

    assert error.field in EVERY_OPTION
    assert error.message.startswith(f"{error.field}")
    assert error.code


@given(REQUESTS)
def test_what_can_be_parsed_can_be_built_and_priced(options: dict[str, Any]) -> None:
    request = parsed(options)

    cost = estimate(request, "cn-beijing")

    assert json.dumps(build(request).body)
    assert cost is None or 0 < cost.min_amount <= cost.max_amount


@given(
    st.dictionaries(
        st.text(max_size=8) | st.sampled_from(sorted(EVERY_OPTION)),
        st.none() | st.integers() | st.text(max_size=8) | st.lists(st.integers(), max_size=2),
        max_size=6,
    )
)
def test_rubbish_is_refused_by_name(rubbish: dict[str, Any]) -> None:
    assert refused({"model": "wan2.6-t2v", **rubbish}).field is not None


def test_every_option_of_every_kind_is_listed() -> None:
    fields = {name for kind in REQUEST_TYPES.values() for name in kind.model_fields}

    assert fields | {"mode"} == EVERY_OPTION
    assert set(OPTIONS) | WORDS == EVERY_OPTION
