"""Ending what an earlier parent could not: processes that are proven to be ours."""

from __future__ import annotations

import contextlib
import os
import signal
from collections.abc import Mapping
from pathlib import Path

import psutil

MARK = "REELQUEUE_PID_FILE"
"""Variable that every child carries, and hands on to what it starts: the path of its pid file."""

# A kill -9 of everything leaves processes that are already on their way out; then they are killed.
_GRACE_SECONDS = 5.0
_CLOCK_TOLERANCE_SECONDS = 1.0


class PidFile:
    """Remembers a started process by pid and start time, so that a reused pid is never mistaken for it."""

    def __init__(self, path: Path) -> None:
        self.path = path.absolute()

    @property
    def mark(self) -> Mapping[str, str]:
        """What the process must have in its environment."""
        return {MARK: str(self.path)}

    def write(self, pid: int) -> None:
        """Remember a process that was just started."""
        self.path.parent.mkdir(parents=True, exist_ok=True)
        try:
            started_at = psutil.Process(pid).create_time()
        except psutil.NoSuchProcess:  # it ended at once, and its parent will notice
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
        _end(self._leftover(int(pid_text), float(started_text)), stop_signal)
        self.remove()

    def _leftover(self, pid: int, started_at: float) -> list[psutil.Process]:
        """The leftover processes of this pid and its group; empty if another program has the pid now."""
        members = _group(pid)
        leaders = [process for process in members if process.pid == pid]
        if leaders:
            is_ours = abs(_created_at(leaders[0]) - started_at) < _CLOCK_TOLERANCE_SECONDS
            return members if is_ours else []
        # The leader is gone, and its pid may have become another program's since: only the mark is a proof.
        return [process for process in members if _mark(process) == str(self.path)]


def kill_group(group_id: int) -> None:
    """Kill every process of a group; none is fine.

    Args:
        group_id: Of a process that has not been waited for, or it may be a stranger's by now.
    """
    with contextlib.suppress(ProcessLookupError):
        os.killpg(group_id, signal.SIGKILL)


def _group(group_id: int) -> list[psutil.Process]:
    members = []
    for process in psutil.process_iter():
        with contextlib.suppress(ProcessLookupError):
            if os.getpgid(process.pid) == group_id:
                members.append(process)
    return members


def _created_at(process: psutil.Process) -> float:
    try:
        return process.create_time()
    except psutil.NoSuchProcess:
        return 0.0


def _mark(process: psutil.Process) -> str | None:
    try:
        return process.environ().get(MARK)
    except psutil.Error:  # gone, or another user's
        return None


def _end(processes: list[psutil.Process], stop_signal: signal.Signals) -> None:
    for process in processes:
        with contextlib.suppress(psutil.NoSuchProcess):
            process.send_signal(stop_signal)
    _, alive = psutil.wait_procs(processes, timeout=_GRACE_SECONDS)
    for process in alive:
        with contextlib.suppress(psutil.NoSuchProcess):
            process.kill()
    psutil.wait_procs(alive, timeout=_GRACE_SECONDS)
