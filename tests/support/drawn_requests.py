"""Requests that their models take, drawn by chance."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from hypothesis import strategies as st

from reelqueue import MODELS, Mode, ModelSpec
from reelqueue.catalog import Sound
from reelqueue.catalog.sizes import SHAPE_BY_SIZE
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
    "raw": st.dictionaries(LINE.map("x-{}".format), LEAVES, max_size=3),
    "on_timeout": st.sampled_from(["collect", "cancel", "abandon"]),
    "start_by": INSTANTS.map(lambda moment: moment.isoformat()),
    "poll_interval_ms": st.integers(1, 86_400_000),
    "poll_timeout_ms": st.integers(1, 86_400_000),
    "headers": st.dictionaries(
        st.sampled_from(["X-DashScope-DataInspection"]), st.sampled_from(["1", "a b"]), max_size=2
    ),
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
    options = draw(st.fixed_dictionaries({"prompt": LINE.filter(str.strip)}, optional=values | JOB_VALUES))
    fields = REQUEST_TYPES[mode].model_fields
    return {
        "model": spec.id,
        "mode": mode,
        **{name: value for name, value in options.items() if name in fields},
        **media,
    }
