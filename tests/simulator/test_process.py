"""The process: its command line, its state folder, and what survives kill -9."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path
from typing import Any

import httpx
import pytest

ROOT = Path(__file__).parents[2]
PATH = "/api/v1/services/aigc/video-generation/video-synthesis"
HEADERS = {"Authorization": "Bearer sk-test", "X-DashScope-Async": "enable"}

Launch = Callable[..., AbstractContextManager[httpx.Client]]


@contextmanager
def launched(folder: Path, *options: str, stop: signal.Signals = signal.SIGTERM) -> Iterator[httpx.Client]:
    """A simulator on a free port; ends with *stop*."""
    command = [sys.executable, "-m", "simulator", "--port", "0", "--state", str(folder), *options]
    with subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, text=True) as process:
        try:
            assert process.stdout is not None
            base_url = process.stdout.readline().split()[-1]
            with httpx.Client(base_url=base_url, headers=HEADERS, trust_env=False, timeout=20) as client:
                yield client
        finally:
            os.kill(process.pid, stop)
            process.wait(20)


def submit(client: httpx.Client, prompt: str) -> str:
    """Submit; returns the task id."""
    answer = client.post(PATH, json={"model": "wan2.6-t2v", "input": {"prompt": prompt}})
    task_id: str = answer.json()["output"]["task_id"]
    return task_id


def output(client: httpx.Client, task_id: str) -> dict[str, Any]:
    """A task's output."""
    seen: dict[str, Any] = client.get(f"/api/v1/tasks/{task_id}").json()["output"]
    return seen


def test_everything_survives_kill_9(tmp_path: Path) -> None:
    tiny = {"width": 64, "height": 36, "seconds": 0.5}
    with launched(tmp_path, stop=signal.SIGKILL) as client:
        client.post("/__sim__/config", json={"limits": {"slots": 1}, "clips": tiny})
        client.post("/__sim__/faults", json={"operation": "cancel", "kind": "error", "skip": 1})
        client.post("/api/v1/tasks/none/cancel")
        done = submit(client, "a [[run=0]]")
        client.post("/__sim__/advance", json={"seconds": 10})
        url = output(client, done)["video_url"]
        running, waiting = submit(client, "b [[run=1000]]"), submit(client, "c [[run=1000]]")
        client.post("/__sim__/advance", json={"seconds": 10})
        assert output(client, running)["task_status"] == "RUNNING"

    with launched(tmp_path) as client:
        assert output(client, done)["task_status"] == "SUCCEEDED"
        assert client.get(httpx.URL(url).raw_path.decode()).status_code == 200
        assert output(client, running)["task_status"] == "RUNNING"
        assert output(client, waiting)["task_status"] == "PENDING"
        assert client.get("/__sim__/ledger").json()["count"] == 1
        assert client.post("/api/v1/tasks/none/cancel").status_code == 500
        client.post("/__sim__/advance", json={"seconds": 2001})
        assert client.get("/__sim__/ledger").json()["count"] == 3


@pytest.mark.parametrize("stop", [signal.SIGTERM, signal.SIGINT])
def test_a_signal_ends_it_without_a_word(
    tmp_path: Path, capfd: pytest.CaptureFixture[str], stop: signal.Signals
) -> None:
    with launched(tmp_path, stop=stop) as client:
        client.post("/__sim__/faults", json={"operation": "query", "kind": "hang"})
        with pytest.raises(httpx.ReadTimeout):
            client.get("/api/v1/tasks/x", timeout=0.2)

    assert capfd.readouterr().err == ""
    assert [path.name for path in tmp_path.iterdir()] == ["simulator.sqlite3"]


def test_the_time_scale_is_an_option(tmp_path: Path) -> None:
    with launched(tmp_path, "--time-scale", "25") as client:
        assert client.get("/__sim__/health").json()["time_scale"] == 25


def test_keys_name_their_accounts(tmp_path: Path) -> None:
    with launched(tmp_path, "--key", "acme=sk-test", "--key", "acme=sk-second", "--key", "sk-third") as client:
        task_id = submit(client, "a")

        def status(key: str) -> tuple[int, str]:
            answer = client.get(f"/api/v1/tasks/{task_id}", headers={"Authorization": f"Bearer {key}"})
            return answer.status_code, answer.json().get("output", {}).get("task_status")

        assert status("sk-second")[1] in {"PENDING", "RUNNING"}
        assert status("sk-third") == (200, "UNKNOWN")
        assert status("sk-fourth") == (401, None)


def test_a_folder_serves_one_simulator(tmp_path: Path) -> None:
    with launched(tmp_path):
        command = [sys.executable, "-m", "simulator", "--port", "0", "--state", str(tmp_path)]
        second = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=30, check=False)

    assert second.returncode == 1
    assert "Is another simulator using it?" in second.stderr
    assert "Traceback" not in second.stderr


def test_nothing_is_printed_about_requests_by_default(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    with launched(tmp_path) as client:
        submit(client, "a")

    assert capfd.readouterr().err == ""


def test_each_request_is_a_line_at_debug_level(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    with launched(tmp_path, "--log-level", "debug") as client:
        submit(client, "a secret")

    lines = [line for line in capfd.readouterr().err.splitlines() if PATH in line]
    assert len(lines) == 1
    assert "secret" not in lines[0]
    assert "sk-test" not in lines[0]
