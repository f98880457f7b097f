"""A service that ends is started again, and what it left is ended first."""

from __future__ import annotations

import sys
from pathlib import Path

import psutil
import pytest

from embedded.processes import restart as supervision
from embedded.processes.child_process import ChildProcess, Command
from embedded.processes.restart import KeptAlive
from reelqueue.backoff import Backoff

SECONDS = 30.0


def test_an_ended_service_starts_again(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(supervision, "BACKOFF", Backoff(0, 0))
    child = make_child(tmp_path, "import signal; signal.pause()")
    child.start()
    kept, first_pid = KeptAlive(child), child.pid
    child.kill()

    ending = kept.look()
    kept.look()

    assert str(ending).startswith("sleeper ended with exit code -9; it starts again in 0 s")
    assert child.is_running
    assert child.pid != first_pid
    child.kill()


def test_each_early_end_doubles_the_delay(tmp_path: Path) -> None:
    child = make_child(tmp_path, "pass")
    kept = KeptAlive(child)
    delays = []
    for _ in range(3):
        child.start()
        child.wait(SECONDS)
        ending = kept.look()
        delays.append(ending and ending.restart_delay_seconds)
        kept._restart_at = None

    assert delays == [0.5, 1, 2]


def test_what_the_ended_service_started_is_ended(tmp_path: Path) -> None:
    command = "import subprocess, sys, signal; subprocess.Popen(['sleep', '1000']); signal.pause()"
    child = make_child(tmp_path, command)
    child.start()
    kept = KeptAlive(child)
    child.wait_until(lambda: len(psutil.Process(child.pid).children()) == 1, SECONDS)
    (orphan,) = psutil.Process(child.pid).children()
    psutil.Process(child.pid).kill()
    child.wait(SECONDS)

    kept.look()

    assert psutil.wait_procs([orphan], timeout=SECONDS)[1] == []


def make_child(folder: Path, code: str) -> ChildProcess:
    command = Command(name="sleeper", arguments=[sys.executable, "-c", code])
    return ChildProcess(command, logs=folder, pids=folder)
