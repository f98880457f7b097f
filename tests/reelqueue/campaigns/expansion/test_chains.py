"""Clips that come after others: of the file, or of the campaign on its server."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from reelqueue.campaigns import Clip, ProblemLog, open_campaign

FIRST = {"custom_id": "s1", "model": "wan2.6-t2v", "prompt": "a fox"}
SECOND = {"custom_id": "s2", "model": "wan2.6-i2v", "prompt": "it runs", "after": "s1", "first_frame": "last_frame"}


def read(folder: Path, rows: list[dict[str, Any]], stored: dict[str, str] | None) -> tuple[list[Clip], list[str]]:
    path = folder / "shots.jsonl"
    path.write_text("".join(f"{json.dumps(row)}\n" for row in rows))
    log = ProblemLog()
    with open_campaign(path) as campaign:
        clips = list(campaign.clips(log, stored=None if stored is None else stored.get))
    return clips, [group.first.message for group in log.groups]


def test_a_clip_may_come_after_one_that_is_on_the_server(tmp_path: Path) -> None:
    whole, _ = read(tmp_path, [FIRST, SECOND], None)

    (alone,), problems = read(tmp_path, [SECOND], {"s1": whole[0].content_sha256})

    assert problems == []
    assert alone.content_sha256 == whole[1].content_sha256


@pytest.mark.parametrize(("stored", "said"), [(None, "on the server, too"), ({}, "nor a stored clip")])
def test_a_clip_that_comes_after_none_is_refused(tmp_path: Path, stored: dict[str, str] | None, said: str) -> None:
    clips, (problem,) = read(tmp_path, [SECOND], stored)

    assert clips == []
    assert problem.startswith("after: no row above has the id 's1'")
    assert said in problem


def test_a_clip_below_its_follower_must_be_as_it_is_on_the_server(tmp_path: Path) -> None:
    (first,), _ = read(tmp_path, [FIRST], None)
    stored = {"s1": first.content_sha256}

    same, none = read(tmp_path, [SECOND, FIRST], stored)
    changed, (problem,) = read(tmp_path, [SECOND, FIRST | {"prompt": "a wolf"}], stored)

    assert ([clip.custom_id for clip in same], none) == (["s2", "s1"], [])
    assert [clip.custom_id for clip in changed] == ["s2"]
    assert "the row of line 1 comes after this clip, whose content is new" in problem
