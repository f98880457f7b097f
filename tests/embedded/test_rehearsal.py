"""A campaign file played on virtual time: what it tells, and that nothing of it leaves this process."""

from __future__ import annotations

import socket
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from embedded.rehearsal.clip_selection import spread
from embedded.rehearsal.run import RehearsalOptions, rehearse
from reelqueue.campaigns.clips import Clip
from reelqueue.campaigns.report.rehearsal import Rehearsal, rehearsal_lines
from reelqueue.errors import ConfigurationError
from reelqueue.requests.parse import parse_request

CANARY_KEY = "sk-canary-7d1f"
MANIFEST = """
campaign: {name: autumn, canary: 2}
defaults: {model: wan2.6-t2v, resolution: 720P, duration: 5}
rows:
  - {custom_id: moderated, prompt: "a fox [[run=100]] [[blocked-input]]"}
  - {custom_id: refused, prompt: "a fox [[run=100]] [[fail=InvalidParameter]]"}
  - {custom_id: dear, prompt: "a fox", duration: 99}
  - {custom_id: first, prompt: "a fox [[run=200]]"}
  - {custom_id: second, prompt: "it runs [[run=200]]", model: wan2.6-i2v, after: first, first_frame: last_frame}
  - {custom_id: third, prompt: "a hare [[run=300]]"}
"""


@pytest.fixture(scope="module")
def played(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Rehearsal]:
    """A rehearsal on a machine that has a key and the live provider's address, and may not connect anywhere."""
    file = tmp_path_factory.mktemp("campaign") / "autumn.yaml"
    file.write_text(MANIFEST)
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("ALIBABA_API_KEY", CANARY_KEY)
        patch.setenv("REELQUEUE_VIDEO_BASE_URL", "https://dashscope-intl.aliyuncs.com")
        patch.setattr(socket.socket, "connect", _refuse)
        patch.setattr(socket, "getaddrinfo", _refuse)
        yield rehearse(options(file))


def options(file: Path, *, clips_max: int = 300) -> RehearsalOptions:
    return RehearsalOptions(file=file, region="ap-southeast-1", clips_max=clips_max, wall_limit_seconds=120)


def _refuse(*arguments: Any, **_: Any) -> None:
    raise AssertionError(f"a rehearsal wants to reach {arguments[-1]}")


def test_it_tells_how_every_clip_ends(played: Rehearsal) -> None:
    assert played.counts == {"succeeded": 3, "moderated": 1, "failed": 1}
    assert (played.clip_count, played.rehearsed_count, played.bad_row_count) == (5, 5, 1)
    assert played.stopped is None


def test_it_names_the_rows_that_the_provider_would_refuse(played: Rehearsal) -> None:
    (clip,) = played.refused

    assert (clip.custom_id, clip.line) == ("refused", 6)
    assert {group.failure_class for group in played.failures} == {"input", "moderation"}


def test_it_takes_as_long_as_the_longest_chain(played: Rehearsal) -> None:
    # Two clips for the canary, then one after the other; polls come late by a sixth of a render at most.
    assert 100 + 200 + 200 < played.makespan_seconds < 700
    assert any("canary" in note for note in played.notes)


def test_its_bill_is_the_plans_for_what_was_rendered(played: Rehearsal) -> None:
    assert played.billed_count == 3
    assert played.billed == played.plan_max * 3 / 5
    assert played.currency == "USD"


def test_it_reads_as_a_few_lines(played: Rehearsal) -> None:
    lines = list(rehearsal_lines(played))

    assert lines[0].startswith("rehearsal of autumn: 5 clips played in ")
    assert any(line.startswith("  failed    refused, line 6: ") for line in lines)
    assert CANARY_KEY not in "\n".join(lines)


def test_it_is_the_same_as_json(played: Rehearsal) -> None:
    assert Rehearsal.model_validate_json(played.model_dump_json()) == played


def test_a_file_with_nothing_to_play_says_why(tmp_path: Path) -> None:
    file = tmp_path / "bad.csv"
    file.write_text("custom_id,model,prompt,duration\na,wan2.6-t2v,a fox,99\n")

    with pytest.raises(ConfigurationError, match="1 of 1 row cannot be rendered"):
        rehearse(options(file))


def test_a_large_file_is_played_in_part_with_what_each_clip_waits_for() -> None:
    clips = [make_clip(str(number), after=str(number - 1) if number % 2 else None) for number in range(100)]

    part = [clip.custom_id for clip in spread(clips, 20)]

    assert len(part) == 20
    assert {str(int(name) - 1) for name in part if int(name) % 2} <= set(part)
    assert int(part[-1]) >= 80


def make_clip(custom_id: str, after: str | None) -> Clip:
    request = parse_request({"model": "wan2.6-t2v", "prompt": custom_id, "custom_id": custom_id})
    return Clip(custom_id=custom_id, request=request, content_sha256="", output="", after=after, file="a.csv")
