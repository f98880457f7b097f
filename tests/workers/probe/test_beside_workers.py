"""A probe beside a running worker: each step is taken once, here or there."""

from __future__ import annotations

from pathlib import Path

from embedded.servers.valkey import ValkeyServer
from reelqueue.states import RenderState
from tests.conftest import Simulator
from tests.support.commands import Run
from tests.support.real_worker import working


def test_jobs_of_the_probe_and_of_others_are_submitted_once_each(
    run: Run, database_url: str, broker: ValkeyServer, simulator: Simulator, tmp_path: Path
) -> None:
    simulator.control.post("config", json={"clips": {"width": 64, "height": 36, "seconds": 1}}).raise_for_status()
    key = {"ALIBABA_API_KEY": "sk-canary-7d1f", "REELQUEUE_VIDEO_BASE_URL": simulator.base_url}

    with working(database_url, broker, simulator, tmp_path) as studio:
        studio.enqueue(4)
        ended = run("probe", "--spend-max", "0.40", "--yes", **key)
        studio.enqueue(2, prompt="a later boat")
        studio.wait_until(lambda: studio.states()[RenderState.SUCCEEDED] == 6 + 3)

        counts = simulator.control.get("log?limit=1").json()["counts"]
        assert (ended.exit_code, counts["submit"], studio.billed()) == (0, 6 + 4, 6 + 3)
        assert studio.states() == {RenderState.SUCCEEDED: 9, RenderState.CANCELLED: 1}
        assert studio.broken() == []
        assert "over-slots: what a submit above the slots gets: accepted, PENDING" in ended.out
        assert "spent    0.30 USD" in ended.out
