"""Prompts as each family of models wants them, and the options that code decides."""

from __future__ import annotations

from typing import Any

import pytest

from reelqueue.campaigns.writer.compose import WrittenClip, write_clip
from reelqueue.requests.parse import parse_request
from tests.reelqueue.campaigns.writer.conftest import MODELS, MakeSources, make_clip, make_parts

SHOTS = ({"seconds": 2, "text": "a door opens"}, {"seconds": 3, "text": "a lamp is lit"})


@pytest.fixture
def composed(sources: MakeSources) -> Any:  # noqa: ANN401 - a function of two mappings
    held = sources(models=(*MODELS, "wan2.6-t2v", "wan2.6-i2v-flash"))

    def compose(clip: dict[str, Any], parts: dict[str, Any]) -> WrittenClip:
        story = make_clip(1, **clip)
        model = held.offer.model(story.model)
        assert model is not None
        written = write_clip(story, make_parts(**parts), model, held.media, name="autumn")
        assert parse_request({**written.options, "prompt": written.prompt})  # what the catalog takes
        return written

    return compose


def test_from_text_everything_is_said(composed: Any) -> None:  # noqa: ANN401
    clip = composed({"dialogue": "Let it float.", "voice": "An old woman, softly"}, {})

    assert clip.prompt == (
        "A paper boat. On a river. It drifts along. Slow dolly forward. Evening light. Soft water over stones. "
        'An old woman, softly says: "Let it float."'
    )
    assert clip.options["negative_prompt"] == "blur"
    assert clip.options["prompt_extend"] is False


def test_from_a_picture_only_motion_camera_and_sound(composed: Any) -> None:  # noqa: ANN401
    clip = composed(
        {"model": "wan2.7-i2v", "start": "harbour"}, {"subject": "", "setting": "", "look": "", "camera": ""}
    )

    assert clip.prompt == "It drifts along. Fixed camera. Soft water over stones."
    assert clip.options["image"] == "https://media.example/harbour.png"


@pytest.mark.parametrize(("model", "label"), [("wan2.6-r2v", "character"), ("wan2.7-r2v", "Image ")])
def test_references_are_called_as_the_model_calls_them(composed: Any, model: str, label: str) -> None:  # noqa: ANN401
    clip = composed({"model": model, "references": ("harbour", "fox")}, {"subject": "@fox meets @harbour"})

    assert clip.prompt.startswith(f"{label.capitalize() if label[0].isupper() else label}2 meets {label}1.")
    assert clip.options["reference_urls"] == ["https://media.example/harbour.png", "https://media.example/fox.png"]


def test_shots_have_times_in_words_or_are_an_option(composed: Any) -> None:  # noqa: ANN401
    later = composed({}, {"shots": SHOTS})
    earlier = composed({"model": "wan2.6-t2v"}, {"shots": SHOTS})

    assert "Shot 1 [0-2 s] a door opens. Shot 2 [2-5 s] hard cut, a lamp is lit." in later.prompt
    assert "A door opens. A lamp is lit." in earlier.prompt
    assert (earlier.options["shot_type"], earlier.options["prompt_extend"]) == ("multi", True)


def test_sound_is_left_out_where_there_is_none(composed: Any) -> None:  # noqa: ANN401
    silent = composed({"model": "wan2.2-t2v-plus", "ratio": "9:16"}, {})
    quiet = composed({"model": "wan2.6-i2v-flash", "start": "fox"}, {"sound": ""})

    assert "water" not in silent.prompt
    assert silent.options["resolution"] == "480x832"
    assert quiet.options["audio"] is False  # it costs half


def test_seeds_are_the_same_each_time_and_differ_between_clips(composed: Any) -> None:  # noqa: ANN401
    seeds = [composed(clip, {}).options["seed"] for clip in ({}, {}, {"id": "02"})]

    assert seeds[0] == seeds[1] != seeds[2]
