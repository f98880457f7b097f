"""Valkey as a child process on a Unix socket, with its data on disk."""

from __future__ import annotations

import socket
from pathlib import Path
from types import TracebackType
from typing import Self
from urllib.parse import quote

from embedded.processes.child_process import ChildProcess, Command
from embedded.processes.server_folders import private_folder, socket_folder
from embedded.servers.binaries import valkey_server

_SOCKET_NAME = "valkey.sock"
_START_SECONDS = 30.0
_CALL_SECONDS = 5.0


class ValkeyServer:
    """One Valkey on one folder; whatever it acknowledged a second ago survives a kill -9."""

    def __init__(self, folder: Path, *, logs: Path | None = None) -> None:
        """Prepare to serve.

        Args:
            folder: Holds the append-only file and the socket; made if it is missing.
            logs: Folder of the log file; the data folder by default.
        """
        self.folder = folder.absolute()
        self._logs = logs or self.folder
        self._child: ChildProcess | None = None
        self._sockets = self.folder

    @property
    def broker_url(self) -> str:
        """Database 0, as Celery spells a socket."""
        return self._celery_url(0)

    @property
    def result_backend_url(self) -> str:
        """Database 1, as Celery spells a socket."""
        return self._celery_url(1)

    @property
    def client_url(self) -> str:
        """Database 0, as redis-py spells a socket."""
        return f"unix://{quote(str(self.socket_path))}?db=0"

    @property
    def socket_path(self) -> Path:
        """Where it listens; there is no port."""
        return self._sockets / _SOCKET_NAME

    @property
    def child(self) -> ChildProcess:
        """The server process."""
        if self._child is None:
            private_folder(self.folder)
            self._sockets = socket_folder(self.folder, _SOCKET_NAME)
            self._child = ChildProcess(self._command(), logs=self._logs, pids=self.folder)
        return self._child

    def launch(self) -> None:
        """Start it, and do not wait until it answers."""
        self.child.start()

    def wait_until_ready(self) -> None:
        """Wait until it answers, its data loaded.

        Raises:
            embedded.errors.ServiceError: It ended, or took longer than 30 s.
        """
        self.child.wait_until(self.is_ready, _START_SECONDS)

    def start(self) -> None:
        """Start it, and wait until it answers."""
        self.launch()
        self.wait_until_ready()

    def stop(self) -> None:
        """Write the rest to disk and end."""
        self.child.stop()

    def is_ready(self) -> bool:
        """Whether it answers a PING."""
        try:
            return self._call(b"PING").startswith(b"+PONG")
        except OSError:
            return False

    def flush(self) -> None:
        """Forget everything, as an operator's FLUSHALL does."""
        self._call(b"FLUSHALL")

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()

    def _call(self, command: bytes) -> bytes:
        """One command of one word, and its answer of one line."""
        with socket.socket(socket.AF_UNIX) as connection:
            connection.settimeout(_CALL_SECONDS)
            connection.connect(str(self.socket_path))
            connection.sendall(command + b"\r\n")
            return connection.recv(64)

    def _celery_url(self, database: int) -> str:
        return f"redis+socket://{quote(str(self.socket_path))}?virtual_host={database}"

    def _command(self) -> Command:
        options = {
            "port": "0",
            "unixsocket": str(self.socket_path),
            "unixsocketperm": "700",
            "dir": str(self.folder),
            "appendonly": "yes",
            "appendfsync": "everysec",  # the sweeper brings back the one second that a power cut may take
            "save": "",  # the append-only file is enough
            "maxmemory-policy": "noeviction",  # an evicted message would be a silent loss
            "daemonize": "no",
        }
        arguments = [argument for name, value in options.items() for argument in (f"--{name}", value)]
        return Command(name="valkey", arguments=[str(valkey_server()), *arguments])
