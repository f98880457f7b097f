"""A throw-away Postgres for the command; the tests bring their own."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Final

from alembic import command
from alembic.config import Config

from embedded.processes.server_folders import remove_folder
from embedded.servers.postgres import PostgresServer

_ROOT: Final = Path(__file__).parents[3]


@contextmanager
def throw_away_database() -> Iterator[str]:
    """The URL of a migrated database on a server of its own."""
    with TemporaryDirectory(prefix="reelqueue-simulation-") as folder:
        server = PostgresServer(Path(folder) / "postgres", is_durable=False)
        server.start()
        try:
            server.create_database("simulation")
            config = Config(_ROOT / "alembic.ini")
            config.attributes["database_url"] = server.url("simulation")
            command.upgrade(config, "head")
            yield server.url("simulation")
        finally:
            server.stop()
            remove_folder(Path(folder) / "postgres")
