from __future__ import annotations

import json
from datetime import datetime
from typing import Any

from hypothesis import given, reject
from hypothesis import strategies as st

from reelqueue import MODELS, InvalidRequestError, Mode, ModelSpec, build, estimate, parse_request
from reelqueue.catalog import Sound
from reelqueue.catalog.sizes import SHAPE_BY_SIZE
from reelqueue.requests.error_messages import EVERY_OPTION
from reelqueue.requests.types import REQUEST_TYPES

PICTURES = st.sampled_from(["https://media.example/a.png", "oss://bucket/b.jpg", "https://media.example/c.webp?sig=1"])
VIDEOS = st.sampled_from(["https://media.example/d.mp4", "https://media.example/e.MOV#t=1"])
SOUNDS = st.sampled_from(["https://media.example/f.mp3", "oss://bucket/g.wav"])
LINE = st.text(st.characters(exclude_characters="\x00", codec="utf-8"), max_size=40)
LEAVES = st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | LINE
OBJECTS = st.dictionaries(
    LINE, st.recursive(LEAVES, lambda inner: st.lists(inner, max_size=2), max_leaves=3), max_size=3
)
INSTANTS = st.datetimes(datetime(2026, 1, 2), datetime(2099, 1, 1), timezones=st.timezones())  # noqa: DTZ001  aware by draw

JOB_VALUES: dict[str, st.SearchStrategy[Any]] = {
    "custom_id": LINE.filter(bool),
    "priority": st.integers(-100, 100),
    "metadata": OBJECTS,
    "raw": OBJECTS,
    "on_timeout": st.sampled_from(["collect", "cancel", "abandon"]),
    "start_by": INSTANTS.map(lambda moment: moment.isoformat()),
    "poll_interval_ms": st.integers(1, 86_400_000),
    "poll_timeout_ms": st.integers(1, 86_400_000),
    "headers": st.dictionaries(st.sampled_from(["X-Trace", "x-team"]), st.sampled_from(["1", "a b"]), max_size=2),
}
ITEM_BY_ROLE: dict[str, st.SearchStrategy[dict[str, str]]] = {
    role: st.builds(dict, type=st.just(role), url=urls)
    for urls, roles in {
        PICTURES: ("first_frame", "last_frame", "reference_image", "file", "link"),
        VIDEOS: ("first_clip", "video", "reference_video"),
        SOUNDS: ("driving_audio", "reference_audio"),
    }.items()
    for role in roles
}


def model_values(spec: ModelSpec) -> dict[str, st.SearchStrategy[Any]]:
    """A strategy for each option of the model that is no medium, holding only what the model takes."""
    with_video = spec.media.seconds_max_with_video if spec.media else None
    seconds = [second for second in spec.durations.seconds if second <= (with_video or second)]
    sizes = [size for size, (tier, ratio) in SHAPE_BY_SIZE.items() if tier in spec.tiers and ratio in spec.ratios]
    values: dict[str, st.SearchStrategy[Any]] = {
        "negative_prompt": LINE,
        "resolution": st.sampled_from([*spec.tiers, *spec.sizes, *sizes]),
        "ratio": st.sampled_from(spec.ratios or [""]),
        "duration": st.sampled_from([*seconds, *spec.durations.special] or [0]),
        "seed": st.integers(0, 2**31 - 1),
        "prompt_extend": st.just(True),
        "watermark": st.booleans(),
        "audio": st.booleans() if spec.sound is Sound.SWITCH else st.just(True),
        "shot_type": st.sampled_from(["single", "multi"]),
        "audio_url": SOUNDS,
    }
    return {name: strategy for name, strategy in values.items() if name in spec.options}


@st.composite
def media_values(draw: st.DrawFn, spec: ModelSpec, mode: Mode) -> dict[str, Any]:
    """Media that the model takes in this mode."""
    frames = {"image": draw(PICTURES)} | ({"last_frame": draw(PICTURES)} if "kf2v" in spec.id else {})
    if mode is Mode.IMAGE_TO_VIDEO and "media" in spec.options and draw(st.booleans()):
        combinations = (spec.media and spec.media.combinations) or (frozenset({"first_frame"}),)
        return {"media": [draw(ITEM_BY_ROLE[role]) for role in sorted(draw(st.sampled_from(combinations)))]}
    if mode is Mode.IMAGE_TO_VIDEO:
        return frames
    if mode is Mode.VIDEO_EDIT:
        return {"media": [draw(ITEM_BY_ROLE["video"]), *draw(st.lists(ITEM_BY_ROLE["reference_image"], max_size=3))]}
    if mode is Mode.REFERENCE_TO_VIDEO:
        takes_videos = spec.media is not None and "reference_video" in spec.media.by_name
        videos = draw(st.lists(VIDEOS, max_size=2)) if takes_videos else []
        return {"reference_urls": [*draw(st.lists(PICTURES, min_size=1, max_size=3)), *videos]}
    return {}


@st.composite
def requests(draw: st.DrawFn) -> dict[str, Any]:
    """A request that its model takes."""
    spec = draw(st.sampled_from(list(MODELS.values())))
    mode = draw(st.sampled_from(spec.modes))
    media = draw(media_values(spec, mode))
    values = model_values(spec)
    if "media" in media or mode is Mode.REFERENCE_TO_VIDEO:
        values.pop("audio_url", None)
    options = draw(st.fixed_dictionaries({"prompt": LINE}, optional=values | JOB_VALUES))
    fields = REQUEST_TYPES[mode].model_fields
    return {
        "model": spec.id,
        "mode": mode,
        **{name: value for name, value in options.items() if name in fields},
        **media,
    }


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
