"""What a task fails with when its parameters are wrong, by model and wire body."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

import pytest

from simulator.tasks import TaskStatus

if TYPE_CHECKING:
    from tests.simulator.conftest import Bench

PICTURE, FILM = "https://media.test/a.png", "https://media.test/a.mp4"


def media(*roles: str) -> list[dict[str, str]]:
    """Items of ``input.media``."""
    return [{"type": role, "url": FILM if "video" in role or "clip" in role else PICTURE} for role in roles]


def outcome(bench: Bench, model: str, source: dict[str, Any], parameters: object = None) -> tuple[str | None, str]:
    """Error code and message of a body's task; no code for one that succeeds."""
    group = "image2video" if "kf2v" in model else "video-generation"
    order = bench.order(model=model, input=source, parameters=parameters or {})

    task = bench.provider.submit(replace(order, path_group=group))
    return task.outcome.code, task.outcome.message or ""


@pytest.mark.parametrize(
    ("model", "source", "message"),
    [
        ("wan2.6-t2v", {}, "Field required: input.prompt"),
        ("wan2.7-t2v", {"prompt": ""}, "Field required: input.prompt"),
        ("wan2.6-i2v", {"prompt": "a"}, "Field required: input.img_url"),
        ("wan2.7-i2v", {"prompt": "a", "img_url": PICTURE}, "Field required: input.media"),
        ("wan2.6-r2v", {"prompt": "a"}, "Field required: input.reference_urls"),
        ("wan2.2-kf2v-flash", {"prompt": "a"}, "Field required: input.first_frame_url"),
        ("wan3.0-video", {}, "Field required: input.prompt"),
        ("wan2.7-r2v", {"prompt": "a", "media": media("first_frame")}, "Only first frame provided is not allowed"),
        # two ways to begin a video
        ("wan2.7-i2v", {"media": media("first_frame", "first_clip")}, "The two modes are mutually exclusive"),
        ("wan3.0-video", {"media": media("first_frame", "reference_image")}, "The two modes are mutually exclusive"),
        ("wan2.7-i2v", {"media": media("last_frame")}, "the parameters must conform to the specification"),
        ("wan2.7-i2v", {"media": media("first_frame", "first_frame")}, "At most 1 first_frame"),
        ("wan2.7-r2v", {"prompt": "a", "media": media(*["reference_image"] * 6)}, "At most 5"),
        ("wan2.6-r2v", {"prompt": "a", "reference_urls": [PICTURE] * 3 + [FILM] * 3}, "at most 5 items"),
        ("wan2.7-videoedit", {"prompt": "a", "media": media("reference_image")}, "Field required: input.media.video"),
        ("wan2.7-i2v", {"media": [{"type": "frame", "url": PICTURE}]}, "input.media.0.type"),
        ("wan2.7-i2v", {"media": [{"type": "first_frame"}]}, "Field required: input.media.0.url"),
    ],
)
def test_a_bad_input_is_named(bench: Bench, model: str, source: dict[str, Any], message: str) -> None:
    code, seen = outcome(bench, model, source)

    assert code == "InvalidParameter"
    assert message in seen


@pytest.mark.parametrize(
    ("model", "parameters", "message"),
    [
        ("wan2.6-t2v", {"size": "832*480"}, "size must be in 1280*720,720*1280,960*960,1088*832"),
        ("wan2.6-t2v", {"size": "1280x720"}, "size must be in"),
        ("wan2.6-t2v", {"duration": 16}, "Duration should be between 2 and 15"),
        ("wan2.5-t2v-preview", {"duration": 7}, "duration must be in 5,10"),
        ("wan2.2-t2v-plus", {"duration": 10}, "duration customization is not supported"),
        ("wan2.6-t2v", {"duration": "5"}, "Input should be a valid integer: parameters.duration"),
        ("wan2.7-t2v", {"resolution": "480P"}, "Input should be '1080P' or '720P'"),
        ("wan2.7-t2v", {"ratio": "21:9"}, "Input should be '16:9', '9:16', '1:1', '4:3' or '3:4'"),
        ("wan2.6-t2v", {"seed": -1}, "Seed should be between 0"),
        ("wan2.6-t2v", {"watermark": "yes"}, "Input should be a valid boolean: parameters.watermark"),
        ("wan2.6-t2v", {"shot_type": "double"}, "Input should be 'single' or 'multi'"),
        ("wan2.6-t2v", [1], "Input should be a valid dictionary: parameters"),
    ],
)
def test_a_bad_parameter_is_named(bench: Bench, model: str, parameters: object, message: str) -> None:
    code, seen = outcome(bench, model, {"prompt": "a cat"}, parameters)

    assert code == "InvalidParameter"
    assert message in seen


def test_references_to_video_shorten_what_may_be_asked_for(bench: Bench) -> None:
    source = {"prompt": "Video 1 dances", "media": media("reference_video")}

    _, seen = outcome(bench, "wan2.7-r2v", source, {"duration": 11})

    assert seen == "Duration should be between 2 and 10"


@pytest.mark.parametrize(
    ("model", "source", "parameters"),
    [
        ("wan2.6-t2v", {"prompt": "a", "extend_prompt": True, "function": "video-synthesis"}, {"with_audio": False}),
        ("wan2.7-t2v", {"prompt": "a"}, {"shot_type": "whatever", "size": "1*1"}),
        ("wan2.6-t2v", {"prompt": "x" * 5000}, {"size": "1280*720", "duration": 2}),
        ("wan2.7-i2v", {"media": media("first_frame", "last_frame", "driving_audio")}, {"resolution": "720P"}),
        ("wan3.0-video", {"media": media("reference_image", "reference_video")}, {"duration": -1, "seed": -1}),
        ("wan2.7-videoedit", {"media": media("video")}, {"duration": 0}),
        ("wan2.6-i2v", {"template": "squish", "prompt": None}, {}),
    ],
)
def test_what_a_model_does_not_know_or_cuts_is_no_error(
    bench: Bench, model: str, source: dict[str, Any], parameters: dict[str, Any]
) -> None:
    assert outcome(bench, model, source, parameters) == (None, "")


@pytest.mark.parametrize(
    ("url", "code"),
    [
        ("cat.png", "InvalidURL"),
        ("file:///etc/passwd", "InvalidURL"),
        ("http://[::1", "InvalidURL"),
        ("data:image/png;base64,%%%", "InvalidURL"),
        ("oss://dashscope-instant/nobody/cat.png", "InvalidParameter.DataInspection"),
    ],
)
def test_a_picture_that_cannot_be_loaded_fails_the_task(bench: Bench, url: str, code: str) -> None:
    assert outcome(bench, "wan2.6-i2v", {"img_url": url})[0] == code


def test_a_bad_task_fails_within_seconds(bench: Bench) -> None:
    task = bench.submit("a cat [[run=500]]", parameters={"duration": 99})
    bench.after(4)

    assert bench.see(task).status is TaskStatus.FAILED


def test_a_model_may_be_added_without_a_table(bench: Bench) -> None:
    bench.provider.configure({"extra_models": ["wan9.9-t2v"]})

    assert outcome(bench, "wan9.9-t2v", {"prompt": "a"}, {"resolution": ["odd"], "ratio": 3}) == (None, "")
