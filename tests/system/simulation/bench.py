"""What all seeds of a process share: an empty database, threads, loops and a folder in memory."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from tempfile import mkdtemp
from typing import Final

import psycopg
import structlog
from sqlalchemy import Engine
from sqlalchemy.engine import make_url

from models import Base
from tests.system.simulation.network import Backend
from tests.system.simulation.sessions import make_engine

_MEMORY: Final = Path("/dev/shm")  # noqa: S108 - a folder of our own inside it
_TABLES: Final = ", ".join(table.name for table in Base.metadata.sorted_tables)


@dataclass(frozen=True)
class Bench:
    """Made once, used by one seed after the other."""

    engine: Engine
    connection: psycopg.Connection[tuple[object, ...]]
    """The scheduler's own, outside of everything that is simulated."""
    threads: ThreadPoolExecutor
    backend: Backend
    folder: Path

    def clean(self) -> None:
        """An empty database, as physically new, so that rows without an order come in the same one."""
        self.connection.execute(f"TRUNCATE {_TABLES} RESTART IDENTITY CASCADE")
        for name in ("archive", "journal"):
            shutil.rmtree(self.folder / name, ignore_errors=True)


@contextmanager
def open_bench(url: str) -> Iterator[Bench]:
    """A bench on a migrated database that nobody else uses."""
    engine = make_engine(url)
    parts = make_url(url)
    folder = Path(mkdtemp(prefix="reelqueue-simulation-", dir=_MEMORY if _MEMORY.is_dir() else None))
    arguments = {"host": parts.query.get("host") or parts.host, "port": parts.port, "user": parts.username}
    logging = structlog.get_config()
    structlog.configure(processors=[_drop])
    with (
        psycopg.connect(dbname=parts.database, autocommit=True, **arguments) as connection,
        ThreadPoolExecutor(16, thread_name_prefix="worker") as threads,
    ):
        backend = Backend()
        for table in Base.metadata.sorted_tables:
            # Statistics that appear in the middle of a seed would change its plans.
            connection.execute(f"ALTER TABLE {table.name} SET (autovacuum_enabled = false)")
        try:
            yield Bench(engine, connection, threads, backend, folder)
        finally:
            structlog.configure(**logging)
            backend.close()
            engine.dispose()
            shutil.rmtree(folder, ignore_errors=True)


def _drop(*_: object) -> str:
    raise structlog.DropEvent
