"""Ending what an earlier parent could not: processes that are proven to be ours."""

from __future__ import annotations

import contextlib
import os
import signal
from pathlib import Path

import psutil

# A kill -9 of everything leaves processes that are already on their way out; then they are killed.
_GRACE_SECONDS = 5.0
_CLOCK_TOLERANCE_SECONDS = 1.0


class PidFile:
    """Remembers a started process by pid and start time, so that a reused pid is never mistaken for it."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def write(self, pid: int) -> None:
        """Remember a process that was just started."""
        self.path.parent.mkdir(parents=True, exist_ok=True)
        try:
            started_at = psutil.Process(pid).create_time()
        except psutil.NoSuchProcess:  # it ended at once; its group id is still worth remembering
            return
        self.path.write_text(f"{pid} {started_at}\n", encoding="utf-8")

    def remove(self) -> None:
        """Forget it."""
        self.path.unlink(missing_ok=True)

    def end_leftover(self, stop_signal: signal.Signals) -> None:
        """End the remembered process and its group, if they still run: asked first, killed then."""
        try:
            pid_text, started_text = self.path.read_text(encoding="utf-8").split()
        except (OSError, ValueError):
            return
        pid, started_at = int(pid_text), float(started_text)
        leftover = [process for process in _group(pid) if _is_ours(process, pid, started_at)]
        _end(leftover, stop_signal)
        self.remove()


def kill_group(group_id: int) -> None:
    """Kill every process of a group; none is fine."""
    with contextlib.suppress(ProcessLookupError):
        os.killpg(group_id, signal.SIGKILL)


def _group(group_id: int) -> list[psutil.Process]:
    members = []
    for process in psutil.process_iter():
        with contextlib.suppress(ProcessLookupError):
            if os.getpgid(process.pid) == group_id:
                members.append(process)
    return members


def _is_ours(process: psutil.Process, group_id: int, started_at: float) -> bool:
    """Whether a member of the group is the remembered process or was started by it."""
    try:
        age = process.create_time() - started_at
        return abs(age) < _CLOCK_TOLERANCE_SECONDS if process.pid == group_id else age > -_CLOCK_TOLERANCE_SECONDS
    except psutil.NoSuchProcess:
        return False


def _end(processes: list[psutil.Process], stop_signal: signal.Signals) -> None:
    for process in processes:
        with contextlib.suppress(psutil.NoSuchProcess):
            process.send_signal(stop_signal)
    _, alive = psutil.wait_procs(processes, timeout=_GRACE_SECONDS)
    for process in alive:
        with contextlib.suppress(psutil.NoSuchProcess):
            process.kill()
    psutil.wait_procs(alive, timeout=_GRACE_SECONDS)
