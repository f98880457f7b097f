"""Child processes that have a name, a log file and no life after their parent.

Three things keep orphans away: the kernel's parent-death signal (Linux), a process group per child, so that what
a child started ends with it, and a pid file, so that the next start ends what a kill -9 left behind.
"""

from __future__ import annotations

import ctypes
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from embedded.errors import ServiceError
from embedded.processes.pid_file import PidFile, kill_group

_PR_SET_PDEATHSIG = 1
_BACKGROUND_NICENESS = 10
_LOOK_SECONDS = 0.01
# A log above this size is set aside at the next start; one older log is kept.
_LOG_LIMIT_BYTES = 10 * 1024 * 1024


@dataclass(frozen=True, kw_only=True)
class Command:
    """What to run, and how it ends."""

    name: str
    """Names the log and the pid file."""
    arguments: Sequence[str]
    """Program and arguments."""
    environment: Mapping[str, str] = field(default_factory=lambda: dict(os.environ))
    """The whole environment."""
    folder: Path | None = None
    """Working folder; None: the parent's."""
    user_id: int | None = None
    """Run as this user and their group; None: as the parent does."""
    stop_signal: signal.Signals = signal.SIGTERM
    """Asks for an orderly end; also sent by the kernel when the parent dies (Linux)."""
    stop_seconds: float = 10.0
    """How long an orderly end may take before the whole group is killed."""
    is_background: bool = False
    """Whether it leaves the processors to others."""
    umask: int | None = None
    """What others may not do with its files; None: as the parent's."""


class ChildProcess:
    """One child at a time, started from the main thread."""

    def __init__(self, command: Command, *, logs: Path, pids: Path) -> None:
        self.command = command
        self.log_path = logs / f"{command.name}.log"
        self._pid_file = PidFile(pids / f"{command.name}.pid")
        self._process: subprocess.Popen[bytes] | None = None

    @property
    def pid(self) -> int | None:
        """The process id, also that of its group; None before the first start."""
        return self._process.pid if self._process else None

    @property
    def exit_code(self) -> int | None:
        """The exit code of the last run, negative for a signal; None while it runs or before the first start.

        The look that notices an end also kills what the process had started.
        """
        process = self._process
        if process is None or process.returncode is not None:
            return None if process is None else process.returncode
        if _has_ended(process):
            # Before it is waited for: its pid, and so its group's id, cannot be a stranger's yet.
            kill_group(process.pid)
            process.wait()
            self._pid_file.remove()
        return process.returncode

    @property
    def is_running(self) -> bool:
        """Whether it was started and has not ended."""
        return self._process is not None and self.exit_code is None

    def start(self) -> None:
        """Start it, after ending what an earlier parent left behind.

        Raises:
            RuntimeError: Called outside the main thread: the parent-death signal fires when the starting *thread* ends.
        """
        if threading.current_thread() is not threading.main_thread():
            raise RuntimeError(
                f"{self.command.name} must be started from the main thread, or it would end with this one"
            )
        self._pid_file.end_leftover(self.command.stop_signal)
        self.log_path.parent.mkdir(parents=True, exist_ok=True)
        if self.log_path.exists() and self.log_path.stat().st_size > _LOG_LIMIT_BYTES:
            self.log_path.replace(self.log_path.with_suffix(".log.1"))
        with self.log_path.open("ab") as log:
            self._process = self._spawn(log.fileno())
        self._pid_file.write(self._process.pid)

    def wait(self, timeout_seconds: float) -> int:
        """Wait for its end and give the exit code.

        Raises:
            ServiceError: It still runs after the timeout, or was never started.
        """
        deadline = time.monotonic() + timeout_seconds
        while (exit_code := self.exit_code) is None:
            if self._process is None or time.monotonic() > deadline:
                raise ServiceError(self.command.name, f"has not ended after {timeout_seconds:g} s", self.log_path)
            time.sleep(_LOOK_SECONDS)
        return exit_code

    def wait_until(
        self, is_ready: Callable[[], bool], timeout_seconds: float, *, interval_seconds: float = _LOOK_SECONDS
    ) -> None:
        """Wait until a condition holds, as long as the process runs.

        Raises:
            ServiceError: It ended first, or the timeout passed.
        """
        deadline = time.monotonic() + timeout_seconds
        while not is_ready():
            if not self.is_running:
                raise ServiceError(self.command.name, f"ended with exit code {self.exit_code}", self.log_path)
            if time.monotonic() > deadline:
                raise ServiceError(self.command.name, f"was not ready after {timeout_seconds:g} s", self.log_path)
            time.sleep(interval_seconds)

    def ask_to_stop(self) -> None:
        """Send the stop signal, and do not wait."""
        if self._process is not None and self.is_running:
            os.kill(self._process.pid, self.command.stop_signal)

    def stop(self) -> None:
        """End it in an orderly way, or kill it; nothing of its group is left afterwards."""
        if not self.is_running:
            return
        self.ask_to_stop()
        try:
            self.wait(self.command.stop_seconds)
        except ServiceError:
            self.kill()

    def kill(self) -> None:
        """End it and its group at once."""
        if self._process is not None and self.is_running:
            kill_group(self._process.pid)
            self.wait(self.command.stop_seconds)

    def _spawn(self, log_descriptor: int) -> subprocess.Popen[bytes]:
        command = self.command
        return subprocess.Popen(  # noqa: S603 - the commands are ours
            command.arguments,
            stdin=subprocess.DEVNULL,
            stdout=log_descriptor,
            stderr=subprocess.STDOUT,
            env={**command.environment, **self._pid_file.mark},
            cwd=command.folder,
            start_new_session=True,
            umask=-1 if command.umask is None else command.umask,
            user=command.user_id,
            group=command.user_id,
            extra_groups=None if command.user_id is None else [],
            preexec_fn=_prepare(command.stop_signal, is_background=command.is_background),  # noqa: PLW1509 - see there
        )


def _has_ended(process: subprocess.Popen[bytes]) -> bool:
    """Whether a process has ended; it stays a zombie, which keeps its pid from being used again."""
    if sys.platform == "darwin":  # has no waitid before Python 3.13
        return process.poll() is not None
    return os.waitid(os.P_PID, process.pid, os.WEXITED | os.WNOHANG | os.WNOWAIT) is not None


def _prepare(stop_signal: signal.Signals, *, is_background: bool) -> Callable[[], None]:
    """What the child does between fork and exec: only system calls are safe there."""
    prctl = ctypes.CDLL(None, use_errno=True).prctl if sys.platform == "linux" else None
    parent_pid = os.getpid()

    def in_child() -> None:
        if is_background:
            os.nice(_BACKGROUND_NICENESS)
        if prctl is not None:
            # Popen has changed the user before this; a change of user would clear the signal again.
            prctl(_PR_SET_PDEATHSIG, int(stop_signal))
            if os.getppid() != parent_pid:  # the parent died before the call
                os._exit(1)

    return in_child
