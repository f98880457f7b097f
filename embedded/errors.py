"""What can go wrong while services start on this machine."""

from __future__ import annotations

from pathlib import Path

from reelqueue.errors import ConfigurationError, UnavailableError

_TAIL_LINES = 5


class BinaryNotFoundError(ConfigurationError):
    """No server binary of the wanted kind is on this machine."""


class StateInUseError(ConfigurationError):
    """Another process runs on the same state folder."""

    def __init__(self, folder: Path, pid: int) -> None:
        super().__init__(folder, pid)
        self.folder = folder
        self.pid = pid
        """The process that holds the folder; 0 if it has not said."""

    def __str__(self) -> str:
        return (
            f"{self.folder} is in use by process {self.pid or 'unknown'}; "
            f"stop that one first (kill {self.pid or 'PID'}), or choose another folder with --state"
        )


class ServiceError(UnavailableError):
    """A service on this machine did not start, or ended."""

    def __init__(self, name: str, message: str, log_path: Path) -> None:
        super().__init__(name, message, log_path)
        self.name = name
        """The service, as in the stack's table."""
        self.message = message
        self.log_path = log_path
        """Everything that the service wrote."""

    def __str__(self) -> str:
        return f"{self.name} {self.message}; read {self.log_path}{_last_lines(self.log_path)}"


class DemoTimeoutError(UnavailableError):
    """The demo's clips did not end in time."""

    def __init__(self, timeout_seconds: float, logs: Path) -> None:
        super().__init__(timeout_seconds, logs)
        self.timeout_seconds = timeout_seconds
        self.logs = logs
        """One log per service."""

    def __str__(self) -> str:
        return f"the demo gave up after {self.timeout_seconds:g} s; the logs in {self.logs} say what it waited for"


class ChaosTimeoutError(UnavailableError):
    """What chaos waited for did not come."""

    def __init__(self, awaited: str, timeout_seconds: float, seen: str) -> None:
        super().__init__(awaited, timeout_seconds, seen)
        self.awaited = awaited
        self.timeout_seconds = timeout_seconds
        self.seen = seen
        """What there was instead."""

    def __str__(self) -> str:
        return f"not within {self.timeout_seconds:g} s: {self.awaited}; seen instead:\n{self.seen}"


def _last_lines(log_path: Path) -> str:
    try:
        lines = log_path.read_text(encoding="utf-8", errors="replace").splitlines()
    except OSError:
        return ""
    return "".join(f"\n  | {line}" for line in lines[-_TAIL_LINES:])
