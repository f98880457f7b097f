"""The exact ``input`` and ``parameters`` of each protocol.

For the six models that the product started from, and for Wan 2.7 and 3.0, the rows marked "as the AI SDK"
were compared with what ``@ai-sdk/alibaba`` 2.0.58 sends for the same options.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

import pytest

from reelqueue import build, parse_request

FIRST = "https://media.example/first.png"
LAST = "https://media.example/last.jpg?sig=a%2Fb"
HERO = "https://media.example/hero.webp"
DOG = "https://media.example/dog.MP4?sig=1"
VOICE = "https://media.example/voice.mp3"
T2V, T2V25 = "wan2.6-t2v", "wan2.5-t2v-preview"
I2V, I2V_FLASH = "wan2.6-i2v", "wan2.6-i2v-flash"
R2V, R2V_FLASH = "wan2.6-r2v", "wan2.6-r2v-flash"
CAST = {"prompt": "character1 pets character2", "reference_urls": [HERO, DOG]}
CAST_27 = [{"type": "reference_image", "url": HERO}, {"type": "reference_video", "url": DOG}]

Case = tuple[str, Mapping[str, Any], Mapping[str, Any], Mapping[str, Any]]

LEGACY: list[Case] = [
    # as the AI SDK: nothing is added to what was said
    (T2V, {"prompt": "fog"}, {"prompt": "fog"}, {}),
    (T2V25, {"prompt": "fog"}, {"prompt": "fog"}, {}),
    # as the AI SDK: False, 0 and "" are said
    (
        T2V,
        {"prompt": "fog", "negative_prompt": "", "seed": 0, "watermark": False, "prompt_extend": False},
        {"prompt": "fog", "negative_prompt": ""},
        {"seed": 0, "watermark": False, "prompt_extend": False},
    ),
    # as the AI SDK: every option
    (
        T2V,
        {
            "prompt": "fog", "negative_prompt": "rain", "audio_url": VOICE, "resolution": "720x1280", "duration": 10,
            "seed": 42, "prompt_extend": True, "shot_type": "multi", "watermark": True,
        },
        {"prompt": "fog", "negative_prompt": "rain", "audio_url": VOICE},
        {
            "size": "720*1280", "duration": 10, "seed": 42, "prompt_extend": True, "shot_type": "multi",
            "watermark": True,
        },
    ),
    # as the AI SDK: wan2.5 has the third tier
    (T2V25, {"prompt": "fog", "resolution": "832x480"}, {"prompt": "fog"}, {"size": "832*480"}),
    # ours: a tier becomes its 16:9 size, as the service knows no tier here
    (T2V, {"prompt": "fog", "resolution": "720P"}, {"prompt": "fog"}, {"size": "1280*720"}),
    (T2V, {"prompt": "fog", "resolution": "1080p"}, {"prompt": "fog"}, {"size": "1920*1080"}),
    (T2V, {"prompt": "fog", "resolution": "1088*832"}, {"prompt": "fog"}, {"size": "1088*832"}),
    # ours: sound is always on, so saying so is not sent
    (T2V, {"prompt": "fog", "audio": True}, {"prompt": "fog"}, {}),
    # as the AI SDK: a first frame, and the tier of a size
    (I2V, {"image": FIRST}, {"img_url": FIRST}, {}),
    (I2V_FLASH, {"image": FIRST, "prompt": "go"}, {"prompt": "go", "img_url": FIRST}, {}),
    (I2V, {"image": FIRST, "resolution": "1280x720"}, {"img_url": FIRST}, {"resolution": "720P"}),
    (I2V_FLASH, {"image": FIRST, "resolution": "1080P"}, {"img_url": FIRST}, {"resolution": "1080P"}),
    # as the AI SDK: sound
    (I2V, {"image": FIRST, "audio": True}, {"img_url": FIRST}, {"audio": True}),
    (I2V_FLASH, {"image": FIRST, "audio": False}, {"img_url": FIRST}, {"audio": False}),
    (
        I2V_FLASH,
        {"image": FIRST, "audio_url": VOICE, "shot_type": "single"},
        {"img_url": FIRST, "audio_url": VOICE},
        {"shot_type": "single"},
    ),
    # as the AI SDK: references in order
    (R2V, CAST, CAST, {}),
    (R2V_FLASH, {**CAST, "audio": False, "resolution": "960x960"}, CAST, {"audio": False, "size": "960*960"}),
    (R2V, {**CAST, "audio": True, "duration": 5, "seed": 1}, CAST, {"audio": True, "duration": 5, "seed": 1}),
    # ours: embedded pictures are data URIs, as the service documents them
    ("wan2.2-i2v-flash", {"image": "oss://bucket/a.png"}, {"img_url": "oss://bucket/a.png"}, {}),
]  # fmt: skip

FIRST_LAST: list[Case] = [
    # ours: the AI SDK drops the last frame
    (
        "wan2.2-kf2v-flash",
        {"image": FIRST, "last_frame": LAST, "prompt": "go", "resolution": "480P"},
        {"prompt": "go", "first_frame_url": FIRST, "last_frame_url": LAST},
        {"resolution": "480P"},
    ),
    ("wan2.1-kf2v-plus", {"image": FIRST, "last_frame": LAST}, {"first_frame_url": FIRST, "last_frame_url": LAST}, {}),
]

WAN27: list[Case] = [
    # as the AI SDK: a size becomes tier and ratio, a stated ratio wins
    ("wan2.7-t2v", {"prompt": "fog", "resolution": "720P"}, {"prompt": "fog"}, {"resolution": "720P"}),
    (
        "wan2.7-t2v",
        {"prompt": "fog", "resolution": "1080x1920"},
        {"prompt": "fog"},
        {"resolution": "1080P", "ratio": "9:16"},
    ),
    (
        "wan2.7-t2v",
        {"prompt": "fog", "resolution": "1280x720", "ratio": "1:1"},
        {"prompt": "fog"},
        {"resolution": "720P", "ratio": "1:1"},
    ),
    ("wan2.7-t2v", {"prompt": "fog", "audio_url": VOICE}, {"prompt": "fog", "audio_url": VOICE}, {}),
    ("wan2.7-t2v", {"prompt": "fog", "audio": True}, {"prompt": "fog"}, {}),
    # ours: 4:3 keeps its ratio in both generations' pixels
    (
        "wan2.7-t2v",
        {"prompt": "fog", "resolution": "1088x832"},
        {"prompt": "fog"},
        {"resolution": "720P", "ratio": "4:3"},
    ),
    (
        "wan2.7-t2v",
        {"prompt": "fog", "resolution": "1248x1648"},
        {"prompt": "fog"},
        {"resolution": "1080P", "ratio": "3:4"},
    ),
    # as the AI SDK: references by their file type, explicit media as they stand
    ("wan2.7-r2v", CAST, {"prompt": CAST["prompt"], "media": CAST_27}, {}),
    (
        "wan2.7-r2v",
        {"prompt": "Image 1", "media": [{"type": "reference_image", "url": HERO, "reference_voice": VOICE}]},
        {"prompt": "Image 1", "media": [{"type": "reference_image", "url": HERO, "reference_voice": VOICE}]},
        {},
    ),
    # ours: the first frame comes along, after the references
    (
        "wan2.7-r2v",
        {**CAST, "image": FIRST},
        {"prompt": CAST["prompt"], "media": [*CAST_27, {"type": "first_frame", "url": FIRST}]},
        {},
    ),
    # ours: the AI SDK still sends img_url, which the service refuses
    (
        "wan2.7-i2v",
        {"image": FIRST, "last_frame": LAST, "audio_url": VOICE, "resolution": "1280x720"},
        {
            "media": [
                {"type": "first_frame", "url": FIRST},
                {"type": "last_frame", "url": LAST},
                {"type": "driving_audio", "url": VOICE},
            ]
        },
        {"resolution": "720P"},
    ),
    (
        "wan2.7-i2v",
        {"media": [{"type": "first_clip", "url": DOG}], "duration": 15},
        {"media": [{"type": "first_clip", "url": DOG}]},
        {"duration": 15},
    ),
    (
        "wan2.7-videoedit",
        {"prompt": "make it snow", "media": [{"type": "video", "url": DOG}], "ratio": "1:1", "duration": 0},
        {"prompt": "make it snow", "media": [{"type": "video", "url": DOG}]},
        {"ratio": "1:1", "duration": 0},
    ),
]

WAN3: list[Case] = [
    # as the AI SDK
    ("wan3.0-video", {"prompt": "fog", "audio": False}, {"prompt": "fog"}, {"audio": False}),
    (
        "wan3.0-video",
        {"image": FIRST, "last_frame": LAST},
        {"media": [{"type": "first_frame", "url": FIRST}, {"type": "last_frame", "url": LAST}]},
        {},
    ),
    (
        "wan3.0-video",
        {**CAST, "ratio": "adaptive"},
        {"prompt": CAST["prompt"], "media": CAST_27},
        {"ratio": "adaptive"},
    ),
    # ours: 480P keeps its ratio
    (
        "wan3.0-video",
        {"prompt": "fog", "resolution": "480x832", "seed": -1, "duration": -1},
        {"prompt": "fog"},
        {"resolution": "480P", "ratio": "9:16", "seed": -1, "duration": -1},
    ),
    # ours: a sound among the references
    ("wan3.0-video", {"reference_urls": [VOICE]}, {"media": [{"type": "reference_audio", "url": VOICE}]}, {}),
]

HAPPYHORSE: list[Case] = [
    # ours: the AI SDK takes the family for a legacy one and loses the tier
    (
        "happyhorse-1.1-t2v",
        {"prompt": "fog", "resolution": "720x1280", "watermark": False},
        {"prompt": "fog"},
        {"resolution": "720P", "ratio": "9:16", "watermark": False},
    ),
    (
        "happyhorse-1.0-i2v",
        {"image": FIRST, "resolution": "720P", "audio": True},
        {"media": [{"type": "first_frame", "url": FIRST}]},
        {"resolution": "720P"},
    ),
    (
        "happyhorse-1.0-video-edit",
        {"prompt": "snow", "media": [{"type": "video", "url": DOG}], "raw": {"audio_setting": "origin"}},
        {"prompt": "snow", "media": [{"type": "video", "url": DOG}]},
        {"audio_setting": "origin"},
    ),
]

CUSTOM: list[Case] = [
    # as the AI SDK: an unknown id is a legacy one by its spelling
    ("acme-t2v", {"prompt": "fog", "resolution": "1500x700"}, {"prompt": "fog"}, {"size": "1500*700"}),
    ("acme-i2v", {"image": FIRST, "audio": False}, {"img_url": FIRST}, {"audio": False}),
    ("acme-r2v", CAST, CAST, {}),
    # a newer snapshot of a known family has that family's protocol
    ("wan2.7-i2v-2027-01-01", {"image": FIRST}, {"media": [{"type": "first_frame", "url": FIRST}]}, {}),
    ("wan2.7-t2v-2027-01-01", {"prompt": "fog", "audio_url": VOICE}, {"prompt": "fog", "audio_url": VOICE}, {}),
    # an option that is newer than the tables
    ("wan2.6-t2v", {"prompt": "fog", "raw": {"fps": 30}}, {"prompt": "fog"}, {"fps": 30}),
    # raw is last: it replaces
]


@pytest.mark.parametrize(
    ("model", "options", "expected_input", "expected_parameters"),
    [*LEGACY, *FIRST_LAST, *WAN27, *WAN3, *HAPPYHORSE, *CUSTOM],
)
def test_the_body(
    model: str,
    options: Mapping[str, Any],
    expected_input: Mapping[str, Any],
    expected_parameters: Mapping[str, Any],
) -> None:
    body = build(parse_request({"model": model, **options})).body

    assert body == {"model": model, "input": expected_input, "parameters": expected_parameters}
    assert json.loads(json.dumps(body)) == body


@pytest.mark.parametrize(
    ("model", "path"),
    [
        ("wan2.6-i2v", "/api/v1/services/aigc/video-generation/video-synthesis"),
        ("wan2.2-kf2v-flash", "/api/v1/services/aigc/image2video/video-synthesis"),
        ("wan9-kf2v", "/api/v1/services/aigc/image2video/video-synthesis"),  # by its spelling
    ],
)
def test_the_path(model: str, path: str) -> None:
    frames = {"image": FIRST} | ({"last_frame": LAST} if "kf2v" in model else {})

    assert build(parse_request({"model": model, **frames})).path == path


@pytest.mark.parametrize("base_url", ["https://dashscope-intl.aliyuncs.com", "https://dashscope-intl.aliyuncs.com/"])
def test_one_trailing_slash_of_the_host_is_trimmed(base_url: str) -> None:
    built = build(parse_request({"model": "wan2.6-t2v", "prompt": "fog"}))

    assert built.method == "POST"
    assert built.url(base_url) == (
        "https://dashscope-intl.aliyuncs.com/api/v1/services/aigc/video-generation/video-synthesis"
    )


def test_the_provider_is_never_asked_to_hold_a_paid_post() -> None:
    request = parse_request({"model": "wan2.6-t2v", "prompt": "fog"})

    built = build(request, account_headers={"x-dashscope-wait-timeout": "120", "X-DashScope-WorkSpace": "ws"})

    assert {name.lower() for name in built.headers} >= {"x-dashscope-workspace"}
    assert "x-dashscope-wait-timeout" not in {name.lower() for name in built.headers}
