from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

import pytest

from reelqueue import (
    ImageToVideo,
    InvalidRequestError,
    MediaItem,
    ReferenceToVideo,
    TextToVideo,
    VideoEdit,
    parse_request,
)

PICTURE = "https://media.example/first.png"
CLIP = "https://media.example/clip.mp4"


@pytest.mark.parametrize(
    ("options", "kind"),
    [
        # the id says it
        ({"model": "wan2.6-t2v", "prompt": "fog"}, TextToVideo),
        ({"model": "wan2.6-i2v", "image": PICTURE}, ImageToVideo),
        ({"model": "wan2.6-r2v", "prompt": "fog", "reference_urls": [PICTURE]}, ReferenceToVideo),
        ({"model": "wan2.7-videoedit", "media": [{"type": "video", "url": CLIP}]}, VideoEdit),
        ({"model": "wan2.2-kf2v-flash", "image": PICTURE, "last_frame": PICTURE}, ImageToVideo),
        # Wan 3.0: the media say it
        ({"model": "wan3.0-video", "prompt": "fog"}, TextToVideo),
        ({"model": "wan3.0-video", "image": PICTURE}, ImageToVideo),
        ({"model": "wan3.0-video", "lastFrame": PICTURE}, ImageToVideo),
        ({"model": "wan3.0-video", "media": [{"type": "first_frame", "url": PICTURE}]}, ImageToVideo),
        ({"model": "wan3.0-video", "media": [MediaItem(type="first_frame", url=PICTURE)]}, ImageToVideo),
        ({"model": "wan3.0-video", "reference_urls": [CLIP]}, ReferenceToVideo),
        (
            {"model": "wan3.0-video", "media": [{"type": "file", "url": "https://media.example/a.pdf"}]},
            ReferenceToVideo,
        ),
        ({"model": "wan3.9-video", "image": PICTURE}, ImageToVideo),
        # an id outside the catalog: by its spelling, or as stated
        ({"model": "acme-video", "prompt": "fog"}, TextToVideo),
        ({"model": "acme-i2v-xl", "image": PICTURE}, ImageToVideo),
        ({"model": "acme-video", "mode": "image-to-video", "image": PICTURE}, ImageToVideo),
    ],
)
def test_the_mode_is_found(options: Mapping[str, object], kind: type) -> None:
    assert type(parse_request(options)) is kind


def test_snake_and_camel_case_are_the_same_request() -> None:
    snake = parse_request({
        "model": "wan2.6-t2v", "prompt": "fog", "negative_prompt": "rain", "audio_url": "https://media.example/a.mp3",
        "prompt_extend": False, "shot_type": "single", "poll_interval_ms": 1000, "poll_timeout_ms": 3000,
        "custom_id": "row-7", "on_timeout": "abandon", "start_by": "2027-01-01T00:00:00Z",
    })  # fmt: skip
    camel = parse_request({
        "model": "wan2.6-t2v", "prompt": "fog", "negativePrompt": "rain", "audioUrl": "https://media.example/a.mp3",
        "promptExtend": False, "shotType": "single", "pollIntervalMs": 1000, "pollTimeoutMs": 3000,
        "customId": "row-7", "onTimeout": "abandon", "startBy": "2027-01-01T02:00:00+02:00",
    })  # fmt: skip

    assert snake == camel


def test_only_job_options_have_defaults() -> None:
    assert parse_request({"model": "wan2.6-t2v", "prompt": "fog"}).options() == {
        "model": "wan2.6-t2v",
        "prompt": "fog",
        "priority": 0,
        "on_timeout": "collect",
        "poll_interval_ms": 5000,
        "poll_timeout_ms": 600_000,
    }


def test_a_time_is_kept_in_utc() -> None:
    request = parse_request({"model": "wan2.6-t2v", "prompt": "fog", "start_by": "2027-01-01T08:00:00+08:00"})

    assert request.start_by == datetime(2027, 1, 1, tzinfo=UTC)
    assert request.options()["start_by"] == "2027-01-01T00:00:00Z"


def test_a_request_cannot_be_changed() -> None:
    request = TextToVideo(model="wan2.6-t2v", prompt="fog")

    with pytest.raises(ValueError, match="frozen"):
        request.prompt = "rain"  # type: ignore[misc]


def test_a_type_built_in_python_is_the_parsed_request() -> None:
    built = ImageToVideo(model="wan2.6-i2v", image=PICTURE, negative_prompt="rain")

    assert built == parse_request({"model": "wan2.6-i2v", "image": PICTURE, "negativePrompt": "rain"})


@pytest.mark.parametrize(
    ("kind", "options", "code", "field"),
    [
        (TextToVideo, {"prompt": "fog"}, "missing_option", "model"),
        (TextToVideo, {"model": "wan2.6-t2v"}, "missing_option", "prompt"),
        (TextToVideo, {"model": "wan2.6-i2v", "prompt": "fog"}, "wrong_mode", "mode"),
        (ImageToVideo, {"model": "wan2.6-i2v", "image": PICTURE, "prommpt": "fog"}, "unknown_option", "prommpt"),
        (MediaItem, {"type": "first_frame", "url": "first.png"}, "bad_url", "media"),
        (MediaItem, {"type": "first_frame", "url": PICTURE, "voice": PICTURE}, "unknown_option", "media"),
    ],
)
def test_a_type_built_in_python_refuses_as_clearly(kind: type, options: dict[str, Any], code: str, field: str) -> None:
    with pytest.raises(InvalidRequestError) as caught:
        kind(**options)

    assert (caught.value.code, caught.value.field) == (code, field)
