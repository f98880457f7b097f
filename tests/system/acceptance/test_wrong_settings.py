"""``./run up`` with what cannot work: it says so, ends, and leaves nothing running."""

from __future__ import annotations

from pathlib import Path

import psutil
import pytest

from tests.system.acceptance.processes import running

pytestmark = [pytest.mark.timeout(400), pytest.mark.xdist_group("stack")]


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("REELQUEUE_ORPHANS", "ignore"),  # of the workers alone
        ("REELQUEUE_TEST_TIMINGS", '{"SWEEP": 1}'),
        ("REELQUEUE_API_MAX_BODY_BYTES", "-1"),  # of the API alone
        ("REELQUEUE_HTTP_TRANSPORT", "no.such:transport"),
    ],
)
def test_a_wrong_setting_ends_the_start_before_anything_runs(name: str, value: str, tmp_path: Path) -> None:
    with running("up", "--any-ports", "--state", str(tmp_path / "state"), **{name: value}) as up:
        code = up.finish()

    assert code == 1
    assert len(up.lines) == 1
    assert name in up.lines[0]
    assert not (tmp_path / "state").exists()


def test_a_service_that_keeps_ending_ends_the_start_with_its_last_words(tmp_path: Path) -> None:
    with running("up", "--any-ports", "--state", str(tmp_path / "state"), FLOWER_MAX_TASKS="many") as up:
        code = up.finish()
    words = "\n".join(up.lines)

    assert code == 1
    assert "flower ended 3 times while it started" in words
    assert "ready" not in words
    assert [process.pid for process in psutil.process_iter(["cmdline"]) if str(tmp_path) in _words(process)] == []


def _words(process: psutil.Process) -> str:
    return " ".join(process.info["cmdline"] or [])
