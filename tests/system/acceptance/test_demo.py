"""``./run demo``: six clips from nothing, each paid for once, whatever is killed meanwhile."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from pathlib import Path

import av
import psutil
import pytest
from PIL import Image

from embedded.processes.server_folders import remove_folder
from embedded.servers.valkey import ValkeyServer
from tests.system.acceptance.processes import Running, running

# One stack at a time: each takes both processors.
pytestmark = [pytest.mark.timeout(400), pytest.mark.xdist_group("stack")]

PROOF = "6/6 succeeded · billed 6 · duplicates 0"


def test_its_last_line_and_exit_code_are_the_proof(demo: Running) -> None:
    assert demo.lines[-1] == PROOF
    assert demo.finish() == 0


def test_every_clip_can_be_played_and_has_a_poster(demo: Running, folder: Path) -> None:
    videos = sorted((folder / "clips").glob("*.mp4"))

    assert len(videos) == 6
    for path in videos:
        with av.open(path) as video, Image.open(path.with_suffix(".jpg")) as poster:
            stream = video.streams.video[0]
            assert poster.width / poster.height == pytest.approx(stream.width / stream.height, rel=0.01)
            assert float(stream.duration * stream.time_base) == pytest.approx(5.0, abs=0.1)


def test_only_the_clip_that_was_asked_to_be_is_silent(demo: Running, folder: Path) -> None:
    silent = []
    for path in sorted((folder / "clips").glob("*.mp4")):
        with av.open(path) as video:
            if not video.streams.audio:
                silent.append(path.stem)

    assert silent == ["3-harbour-silent"]


def test_it_leaves_the_clips_and_nothing_else(demo: Running, folder: Path) -> None:
    left = {path.relative_to(folder).parts[0] for path in folder.rglob("*") if path.is_file()}

    assert left == {"clips", "state"}
    assert [path.name for path in (folder / "state").rglob("*")] == ["lock"]


def test_killed_workers_and_a_broker_that_forgets_everything_cost_no_clip_and_no_money(tmp_path: Path) -> None:
    # All at once, by another process. One at a time, each until it has healed: test_sabotage.py.
    with running("demo", "--folder", str(tmp_path)) as demo:
        demo.read_until("rendering")
        pids = [(tmp_path / "state" / "pids" / f"{service}.pid").read_text() for service in ("render", "poll")]

        ValkeyServer(tmp_path / "state" / "valkey").flush()
        for pid in pids:
            psutil.Process(int(pid.split()[0])).kill()

        assert demo.finish() == 0
        assert demo.lines[-1] == PROOF


def test_a_campaign_that_was_written_from_a_brief_is_rendered_and_billed_once(tmp_path: Path) -> None:
    with running("demo", "--write", "--folder", str(tmp_path)) as demo:
        assert demo.finish() == 0
        assert re.fullmatch(rf"{PROOF} · text 0\.00\d\d USD", demo.lines[-1])

    assert len(list((tmp_path / "clips").glob("*.mp4"))) == 6
    rows = [json.loads(line) for line in (tmp_path / "campaign" / "clips.jsonl").read_text().splitlines()]
    assert len({row["model"] for row in rows}) == 3


@pytest.fixture(autouse=True)
def _nothing_is_left_elsewhere(tmp_path: Path) -> Iterator[None]:
    yield
    remove_folder(tmp_path / "state" / "postgres")


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("demo")


@pytest.fixture(scope="module")
def demo(folder: Path) -> Iterator[Running]:
    """One demo, from start to end."""
    with running("demo", "--folder", str(folder)) as demo:
        demo.finish()
        yield demo
