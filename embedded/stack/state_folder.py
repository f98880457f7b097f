"""The state folder: who uses it, and what a later start must know."""

from __future__ import annotations

import fcntl
import json
import os
import secrets
import signal
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any, Self

from embedded.errors import StateInUseError
from embedded.processes.pid_file import PidFile
from embedded.processes.ports import PortClaims
from embedded.processes.server_folders import remove_folder
from reelqueue.errors import ConfigurationError

_LOCK_NAME = "lock"


@dataclass(frozen=True)
class StackRecord:
    """What the folder remembers between starts; ``stack.json``, readable for its owner only."""

    is_live: bool
    """Whether its jobs are rendered, and paid for, at the provider."""
    ports: dict[str, int]
    """By service. The simulator's never changes: its unfinished tasks are polled there."""
    flower_password: str = field(default_factory=lambda: secrets.token_urlsafe(12))
    webhook_key: str = field(default_factory=lambda: secrets.token_urlsafe(32))
    """What the secrets of its webhook endpoints are derived from."""
    environment: dict[str, str] = field(default_factory=dict)
    """What a program needs to talk to this stack."""


class StateFolder:
    """One folder with everything that a stack keeps; one process at a time may use it."""

    def __init__(self, root: Path) -> None:
        self.root = root.absolute()
        self._lock_descriptor: int | None = None

    @property
    def logs(self) -> Path:
        """One log per service."""
        return self.root / "logs"

    @property
    def pids(self) -> Path:
        """One pid file per running service."""
        return self.root / "pids"

    @property
    def archive(self) -> Path:
        """Finished videos and posters."""
        return self.root / "archive"

    def lock(self) -> Self:
        """Take the folder for this process, until it ends.

        Raises:
            StateInUseError: Another process has it.
        """
        self.root.mkdir(mode=0o700, parents=True, exist_ok=True)
        try:
            self._close_to_others()
            descriptor = os.open(self.root / _LOCK_NAME, os.O_RDWR | os.O_CREAT, 0o600)
        except PermissionError as error:
            raise ConfigurationError(
                f"{self.root} belongs to another user; run as its owner, or choose another folder with --state"
            ) from error
        try:
            # Not a pid file: the kernel gives the lock back however the process ends.
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            pid = os.read(descriptor, 32).decode()
            os.close(descriptor)
            raise StateInUseError(self.root, int(pid) if pid.isdigit() else 0) from None
        os.truncate(descriptor, 0)
        os.write(descriptor, str(os.getpid()).encode())
        self._lock_descriptor = descriptor
        return self

    def _close_to_others(self) -> None:
        """Close the folder to other users, whatever the umask: it holds prompts, clips and beat's pickle.

        Root's Postgres runs as another user; where its data is inside, from an earlier version, it must pass through.
        """
        data = self.root / "postgres"
        is_anothers = data.is_dir() and not data.is_symlink() and data.stat().st_uid != os.geteuid()
        self.root.chmod(0o711 if is_anothers else 0o700)

    def unlock(self) -> None:
        """Give the folder back."""
        if self._lock_descriptor is not None:
            os.truncate(self._lock_descriptor, 0)
            os.close(self._lock_descriptor)
            self._lock_descriptor = None

    def clear(self) -> None:
        """Forget everything; what an earlier stack left running is killed first."""
        for pid_file in self.root.glob("*/*.pid"):
            PidFile(pid_file).end_leftover(signal.SIGKILL)
        for entry in self.root.iterdir():
            if entry.is_dir():
                remove_folder(entry)
            elif entry.name != _LOCK_NAME:
                entry.unlink()

    def open_record(self, claims: PortClaims, *, is_live: bool, preferred_ports: Mapping[str, int]) -> StackRecord:
        """What the last start wrote, or a new record; its ports are claimed.

        Args:
            claims: Of this stack.
            is_live: Where jobs are rendered this time.
            preferred_ports: By service; a port that is taken, or 0, is replaced by a free one.

        Raises:
            ConfigurationError: The folder's jobs are rendered elsewhere, or the simulator's port is taken.
        """
        known = self._read()
        if known is None:
            return StackRecord(is_live=is_live, ports=_claim_all(claims, preferred_ports))
        if known.is_live != is_live:
            raise ConfigurationError(_OTHER_PROVIDER[is_live].format(folder=self.root))
        ports = _claim_all(claims, known.ports)
        simulator_port = known.ports["simulator"]
        if not is_live and ports["simulator"] != simulator_port:
            raise ConfigurationError(
                f"port {simulator_port} is taken, and the unfinished jobs of {self.root} are rendered there; "
                "stop what listens on it, or choose another folder with --state"
            )
        return StackRecord(**{**asdict(known), "ports": ports})

    def write_record(self, record: StackRecord) -> None:
        """Remember it, at once and whole."""
        incoming = self.root / "stack.json.new"
        incoming.unlink(missing_ok=True)
        with os.fdopen(os.open(incoming, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w", encoding="utf-8") as file:
            json.dump(asdict(record), file, indent=1)
        incoming.replace(self.root / "stack.json")

    def _read(self) -> StackRecord | None:
        try:
            document: dict[str, Any] = json.loads((self.root / "stack.json").read_text(encoding="utf-8"))
        except FileNotFoundError:
            return None
        return StackRecord(**document)


# A job that waits in the folder would be paid for, or its paid task would be forgotten.
_OTHER_PROVIDER = {
    True: "{folder} holds jobs for the simulator; live jobs need a folder of their own: add --state FOLDER",
    False: "{folder} holds live jobs; start it with --live, or choose another folder with --state",
}


def _claim_all(claims: PortClaims, ports: Mapping[str, int]) -> dict[str, int]:
    return {name: port if claims.claim(port) else claims.claim_free() for name, port in ports.items()}
