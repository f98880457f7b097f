"""A real PgBouncer in transaction mode before a test's database."""

from __future__ import annotations

import os
import pwd
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import psycopg
import pytest
from sqlalchemy import make_url

from embedded.processes.child_process import ChildProcess, Command

START_SECONDS = 60.0
SESSIONS = 5
"""Of the server, for all clients together."""


@contextmanager
def pooling(database_url: str, folder: Path, port: int, **settings: str) -> Iterator[str]:
    """The address of a database behind a pooler; skipped without one, failed where ``CI`` is set.

    Args:
        database_url: The database.
        folder: For configuration and log; its parents must let everybody through.
        port: Free, on loopback.
        settings: Added to the pooler's configuration.
    """
    program = shutil.which("pgbouncer") or shutil.which("pgbouncer", path="/usr/sbin")
    if program is None:
        missing = "no pgbouncer on PATH; apt-get install pgbouncer"
        if os.environ.get("CI"):
            pytest.fail(missing)
        pytest.skip(missing)
    url = make_url(database_url)
    lines = [
        "[databases]",
        f"pooled = host={url.query['host']} dbname={url.database} user={url.username}",
        "[pgbouncer]",
        "listen_addr = 127.0.0.1",
        f"listen_port = {port}",
        "unix_socket_dir =",
        "auth_type = any",
        "pool_mode = transaction",
        f"default_pool_size = {SESSIONS}",
        "max_client_conn = 400",
        *(f"{name} = {value}" for name, value in settings.items()),
    ]
    configuration = folder / "pgbouncer.ini"
    configuration.write_text("\n".join(lines) + "\n", encoding="utf-8")
    folder.chmod(0o755)
    command = Command(
        name="pgbouncer",
        arguments=[program, str(configuration)],
        user_id=pwd.getpwnam("nobody").pw_uid if os.geteuid() == 0 else None,  # it refuses to run as root
    )
    child = ChildProcess(command, logs=folder, pids=folder)
    child.start()
    try:
        child.wait_until(lambda: _answers(port), START_SECONDS)
        yield f"postgresql+psycopg://reelqueue@127.0.0.1:{port}/pooled"
    finally:
        child.stop()


def _answers(port: int) -> bool:
    try:
        psycopg.connect(host="127.0.0.1", port=port, dbname="pooled", user="reelqueue", connect_timeout=5).close()
    except psycopg.OperationalError:
        return False
    return True
