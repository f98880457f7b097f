"""The ``usage`` of each generation, the shape of the clip, and the price."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from simulator.tasks import Outcome

if TYPE_CHECKING:
    from tests.simulator.conftest import Bench

PICTURE, FILM = "https://media.test/a.png", "https://media.test/a.mp4"
FRAME = {"media": [{"type": "first_frame", "url": PICTURE}]}
EDIT = {"media": [{"type": "video", "url": FILM}]}
REFERENCES = {"prompt": "a", "media": [{"type": "reference_video", "url": FILM}]}


def rendered(bench: Bench, model: str, source: dict[str, Any], parameters: dict[str, Any]) -> Outcome:
    """How a task ends that succeeds."""
    outcome = bench.submit(model=model, input=source, parameters=parameters).outcome
    assert outcome.code is None, outcome.message
    return outcome


@pytest.mark.parametrize(
    ("model", "source", "parameters", "usage"),
    [
        (
            "wan2.5-t2v-preview",
            {"prompt": "a"},
            {"size": "832*480", "duration": 10},
            {"video_duration": 10, "video_ratio": "832*480", "video_count": 1},
        ),
        (
            "wan2.6-t2v",
            {"prompt": "a"},
            {"size": "1280*720"},
            {
                "duration": 5,
                "input_video_duration": 0,
                "output_video_duration": 5,
                "SR": 720,
                "video_count": 1,
                "size": "1280*720",
            },
        ),
        (
            "wan2.6-i2v-flash",
            {"img_url": PICTURE},
            {"audio": False, "duration": 3},
            {
                "duration": 3,
                "input_video_duration": 0,
                "output_video_duration": 3,
                "SR": 1080,
                "video_count": 1,
                "audio": False,
            },
        ),
        ("wan2.2-i2v-flash", {"img_url": PICTURE}, {}, {"duration": 5, "SR": 720, "video_count": 1}),
        (
            "wan2.1-i2v-turbo",
            {"img_url": PICTURE},
            {"duration": 3},
            {"video_duration": 3, "video_ratio": "standard", "video_count": 1},
        ),
        (
            "wan2.7-t2v",
            {"prompt": "a"},
            {"ratio": "9:16"},
            {
                "duration": 5,
                "input_video_duration": 0,
                "output_video_duration": 5,
                "video_count": 1,
                "SR": 1080,
                "ratio": "9:16",
            },
        ),
        (
            "wan2.7-i2v",
            FRAME,
            {"resolution": "720P"},
            {"duration": 5, "input_video_duration": 0, "output_video_duration": 5, "video_count": 1, "SR": 720},
        ),
        (
            "wan2.7-videoedit",
            EDIT,
            {},
            {
                "duration": 10.04,
                "input_video_duration": 5.02,
                "output_video_duration": 5.02,
                "video_count": 1,
                "SR": 1080,
            },
        ),
        (
            "wan3.0-video",
            {"prompt": "a"},
            {"resolution": "720P", "ratio": "16:9"},
            {
                "duration": 5.0,
                "input_video_duration": 0.0,
                "output_video_duration": 5.0,
                "fps": 30,
                "SR": 720,
                "ratio": "16:9",
                "video_count": 1,
            },
        ),
    ],
)
def test_each_generation_has_its_own_usage(
    bench: Bench, model: str, source: dict[str, Any], parameters: dict[str, Any], usage: dict[str, Any]
) -> None:
    outcome = rendered(bench, model, source, parameters)

    assert outcome.usage == usage
    assert {name: type(value) for name, value in outcome.usage.items()} == {n: type(v) for n, v in usage.items()}


@pytest.mark.parametrize(
    ("model", "parameters", "size"),
    [
        ("wan2.6-t2v", {}, (1920, 1080)),
        ("wan2.6-t2v", {"size": "1088*832"}, (1088, 832)),
        ("wan2.7-t2v", {"resolution": "720P", "ratio": "4:3"}, (1104, 832)),
        ("wan3.0-video", {"resolution": "480P", "ratio": "9:16"}, (480, 832)),
        ("wan2.1-t2v-turbo", {}, (1280, 720)),
    ],
)
def test_the_clip_has_the_published_pixels(
    bench: Bench, model: str, parameters: dict[str, Any], size: tuple[int, int]
) -> None:
    clip = rendered(bench, model, {"prompt": "a"}, parameters).clip

    assert clip is not None
    assert (clip.width, clip.height) == size


@pytest.mark.parametrize(
    ("model", "source", "parameters", "has_audio"),
    [
        ("wan2.6-t2v", {"prompt": "a"}, {"audio": False}, True),  # no switch on text-to-video
        ("wan2.6-i2v-flash", {"img_url": PICTURE}, {}, True),
        ("wan2.6-i2v-flash", {"img_url": PICTURE, "audio_url": "https://media.test/a.mp3"}, {"audio": False}, False),
        ("wan2.2-t2v-plus", {"prompt": "a"}, {}, False),
    ],
)
def test_the_clip_has_sound_where_the_model_gives_it(
    bench: Bench, model: str, source: dict[str, Any], parameters: dict[str, Any], *, has_audio: bool
) -> None:
    clip = rendered(bench, model, source, parameters).clip

    assert clip is not None
    assert clip.has_audio is has_audio


@pytest.mark.parametrize(
    ("model", "source", "parameters", "seconds", "amount"),
    [
        ("wan2.6-t2v", {"prompt": "a"}, {"size": "1280*720", "duration": 10}, "10", "1"),
        ("wan2.6-t2v", {"prompt": "a"}, {"duration": 10}, "10", "1.5"),  # 1080P unless asked otherwise
        ("wan2.6-i2v-flash", {"img_url": PICTURE}, {"resolution": "720P", "audio": False}, "5", "0.125"),
        ("wan2.7-r2v", REFERENCES, {"resolution": "720P"}, "10", "1"),  # input counts up to 5 s
        ("wan2.7-videoedit", EDIT, {"resolution": "720P"}, "10.04", "1.004"),
        ("wan3.0-video", {"prompt": "a"}, {}, "5.0", "1"),  # an estimate in Singapore
        ("wan2.7-t2v-2026-04-25", {"prompt": "a"}, {}, "5", None),  # no published price in Singapore
    ],
)
def test_the_bill_is_seconds_times_price(
    bench: Bench, model: str, source: dict[str, Any], parameters: dict[str, Any], seconds: str, amount: str | None
) -> None:
    bench.submit(model=model, input=source, parameters=parameters)
    bench.after(10_000)

    (charge,) = bench.provider.store.ledger.charges()

    assert (charge.billed_seconds, charge.amount) == (seconds, amount)


def test_prices_follow_the_region(bench: Bench) -> None:
    bench.provider.configure({"region": "cn-beijing"})
    bench.submit(parameters={"size": "1280*720"})
    bench.after(100)

    (charge,) = bench.provider.store.ledger.charges()

    assert (charge.amount, charge.currency) == ("3", "CNY")


def test_a_model_of_no_table_is_billed_by_the_prices_of_its_submit_at_the_size_it_was_asked_for(bench: Bench) -> None:
    listed = {"acme-video": {"video_ratio_720p": "0.4", "video_ratio_1080p": "0.9"}}
    bench.provider.configure({"extra_models": ["acme-video"], "model_list": {"prices": listed}})
    bench.submit(model="acme-video", input={"prompt": "a"}, parameters={"size": "1280*720", "duration": 5})
    bench.provider.configure({"model_list": {"prices": {"acme-video": {"video_ratio_720p": "7"}}}})
    bench.after(10_000)

    (charge,) = bench.provider.store.ledger.charges()

    assert (charge.amount, charge.currency) == ("2", "USD")
