"""No process outlives the one that started it, and what a crash leaves is ended by the next start."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from pathlib import Path

import psutil
import pytest

from embedded.errors import ServiceError
from embedded.processes import child_process as process
from embedded.processes.child_process import ChildProcess, Command
from embedded.processes.pid_file import PidFile, kill_group

ORPHANAGE = Path(__file__).with_name("orphanage.py")
ROOT = Path(__file__).parents[2]
SLEEPER = [sys.executable, "-c", "import signal; signal.pause()"]
SECONDS = 30.0
"""Bounds a wait; none of the waits takes this long."""


@pytest.mark.parametrize("ending", [signal.SIGKILL, signal.SIGTERM, signal.SIGINT])
def test_servers_end_with_their_parent(tmp_path: Path, ending: signal.Signals) -> None:
    parent, servers = start_orphanage(tmp_path)

    parent.send_signal(ending)

    _, alive = psutil.wait_procs(servers, timeout=SECONDS)
    parent.communicate(timeout=SECONDS)
    assert alive == []


def test_servers_resume_after_their_parent_was_killed(tmp_path: Path) -> None:
    for _ in range(2):
        parent, servers = start_orphanage(tmp_path)
        parent.kill()
        parent.communicate(timeout=SECONDS)

        assert len(servers) == 2
    psutil.wait_procs(servers, timeout=SECONDS)


def test_a_stop_ends_what_the_child_started(tmp_path: Path) -> None:
    child = make_child(tmp_path, ["/bin/sh", "-c", "sleep 1000 & sleep 1001 & wait"])
    child.start()
    child.wait_until(lambda: len(psutil.Process(child.pid).children()) == 2, SECONDS)
    grandchildren = psutil.Process(child.pid).children()

    child.stop()

    assert psutil.wait_procs(grandchildren, timeout=SECONDS)[1] == []


def test_a_child_that_ignores_the_signal_is_killed(tmp_path: Path) -> None:
    ignoring = "import signal; signal.signal(signal.SIGTERM, signal.SIG_IGN); print('deaf', flush=True); signal.pause()"
    child = make_child(tmp_path, [sys.executable, "-c", ignoring], stop_seconds=0.1)
    child.start()
    child.wait_until(lambda: "deaf" in child.log_path.read_text(), SECONDS)

    child.stop()

    assert child.exit_code == -signal.SIGKILL


def test_the_next_start_ends_a_leftover(tmp_path: Path) -> None:
    leftover = subprocess.Popen(SLEEPER, start_new_session=True)
    PidFile(tmp_path / "sleeper.pid").write(leftover.pid)

    PidFile(tmp_path / "sleeper.pid").end_leftover(signal.SIGTERM)

    assert leftover.poll() is not None


def test_a_reused_pid_is_left_alone(tmp_path: Path) -> None:
    stranger = subprocess.Popen(SLEEPER, start_new_session=True)
    started_long_ago = psutil.Process(stranger.pid).create_time() - 3600
    (tmp_path / "sleeper.pid").write_text(f"{stranger.pid} {started_long_ago}\n")

    PidFile(tmp_path / "sleeper.pid").end_leftover(signal.SIGTERM)

    assert stranger.poll() is None
    stranger.kill()
    stranger.wait(SECONDS)


def test_a_stranger_with_the_pid_and_its_group_are_left_alone(tmp_path: Path) -> None:
    stranger = subprocess.Popen(["/bin/sh", "-c", "sleep 1000 & wait"], start_new_session=True)
    (tmp_path / "sleeper.pid").write_text(f"{stranger.pid} {psutil.Process(stranger.pid).create_time() - 60}\n")

    PidFile(tmp_path / "sleeper.pid").end_leftover(signal.SIGTERM)

    assert stranger.poll() is None
    kill_group(stranger.pid)
    stranger.wait(SECONDS)


@pytest.mark.parametrize("is_marked", [True, False])
def test_of_a_group_without_its_leader_only_marked_processes_are_ended(tmp_path: Path, *, is_marked: bool) -> None:
    pid_file = PidFile(tmp_path / "sleeper.pid")
    code = "import subprocess; print(subprocess.Popen(['sleep', '1000'], stdout=subprocess.DEVNULL).pid)"
    environment = {**os.environ, **(pid_file.mark if is_marked else {})}
    leader = subprocess.Popen(
        [sys.executable, "-c", code], start_new_session=True, stdout=subprocess.PIPE, text=True, env=environment
    )
    member = psutil.Process(int(leader.communicate(timeout=SECONDS)[0]))
    pid_file.path.write_text(f"{leader.pid} 0.0\n")

    pid_file.end_leftover(signal.SIGTERM)

    assert member.is_running() is not is_marked
    kill_group(leader.pid)


def test_the_group_of_an_ended_child_is_signalled_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Its id may be a stranger's a moment later."""
    signalled: list[int] = []
    monkeypatch.setattr(process, "kill_group", signalled.append)
    child = make_child(tmp_path, [sys.executable, "-c", "pass"])
    child.start()
    child.wait(SECONDS)

    child.stop()
    child.kill()

    assert signalled == [child.pid]


def test_a_service_that_ends_early_shows_its_last_words(tmp_path: Path) -> None:
    child = make_child(tmp_path, [sys.executable, "-c", "print('no such table'); raise SystemExit(3)"])
    child.start()

    with pytest.raises(ServiceError, match=r"(?s)sleeper ended with exit code 3; read .*no such table"):
        child.wait_until(lambda: False, SECONDS)


def start_orphanage(folder: Path) -> tuple[subprocess.Popen[str], list[psutil.Process]]:
    """Start a parent with both servers, and find their processes."""
    command = [sys.executable, str(ORPHANAGE), str(folder)]
    parent = subprocess.Popen(command, stdout=subprocess.PIPE, text=True, cwd=ROOT, env={"PYTHONPATH": str(ROOT)})
    assert parent.stdout is not None
    return parent, [psutil.Process(int(pid)) for pid in parent.stdout.readline().split()]


def make_child(folder: Path, arguments: list[str], *, stop_seconds: float = 10.0) -> ChildProcess:
    command = Command(name="sleeper", arguments=arguments, stop_seconds=stop_seconds)
    return ChildProcess(command, logs=folder, pids=folder)
