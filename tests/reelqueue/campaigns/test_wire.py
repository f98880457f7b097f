"""A clip as the server gets it."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from reelqueue.campaigns import CampaignOptions, Clip, ProblemLog, open_campaign
from reelqueue.campaigns.clip_json import clip_object, read_clip
from reelqueue.errors import InvalidRequestError

FILES = Path(__file__).parent / "files"
BOAT = {"custom_id": "a", "model": "wan2.6-t2v", "prompt": "a boat"}


def sent(clips: list[Clip], options: CampaignOptions) -> list[Clip]:
    """The clips after a journey through JSON."""
    contents = {clip.custom_id: clip.content_sha256 for clip in clips}
    objects = [json.loads(json.dumps(clip_object(clip))) for clip in clips]
    return [read_clip(each, options, contents.get, file=clips[0].file) for each in objects]


@pytest.mark.parametrize("name", ["clips.csv", "europe.csv", "shots.jsonl", "catalogue.yaml", "night.toml"])
def test_a_clip_comes_back_as_it_was_sent(name: str) -> None:
    with open_campaign(FILES / name) as campaign:
        clips = list(campaign.clips(ProblemLog()))
        options = campaign.options

    assert sent(clips, options) == clips


def test_the_first_frame_of_a_shot_that_goes_on_is_not_sent() -> None:
    with open_campaign(FILES / "shots.jsonl") as campaign:
        second = list(campaign.clips(ProblemLog()))[1]

    wire = clip_object(second)

    assert "image" not in wire
    assert wire["clip"] == {"variant": 1, "after": "shot-1", "first_frame": "last_frame", "line": 2}


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"clip": {"after": "nobody"}}, "no clip came before with the id 'nobody'"),
        ({"clip": {"first_frame": "last_frame"}}, "needs after, and no image"),
        ({"clip": {"variant": 0}}, "clip.variant"),
        ({"clip": {"output": "../x.mp4"}}, "clip.output"),  # the server makes names itself
        ({"clip": 5}, "clip"),
        ({"custom_id": None}, "a clip of a campaign needs one"),
        ({"image": "file:///etc/passwd"}, "a path on this machine is not read"),
    ],
)
def test_an_object_of_anybody_is_checked(changes: dict[str, object], said: str) -> None:
    with pytest.raises(InvalidRequestError) as refused:
        read_clip(BOAT | changes, CampaignOptions(), lambda _: None)

    assert said in str(refused.value)
