"""PostgreSQL as a child: private, resumable, the same everywhere."""

from __future__ import annotations

import stat
from collections.abc import Iterator
from pathlib import Path

import psycopg
import pytest
from sqlalchemy.engine import make_url

from embedded.processes.server_folders import remove_folder
from embedded.servers.postgres import PostgresServer


def connect(server: PostgresServer) -> psycopg.Connection[tuple[object, ...]]:
    url = make_url(server.url())
    return psycopg.connect(host=str(url.query["host"]), user=url.username, dbname=url.database)


def test_data_survive_a_restart(folder: Path) -> None:
    with PostgresServer(folder) as server, connect(server) as connection:
        connection.execute("CREATE TABLE kept (word text)")

    with PostgresServer(folder) as server, connect(server) as connection:
        assert connection.execute("SELECT count(*) FROM kept").fetchone() == (0,)


def test_data_survive_a_kill(folder: Path) -> None:
    server = PostgresServer(folder)
    server.start()
    server.create_database()
    with connect(server) as connection:
        connection.execute("CREATE TABLE kept (word text)")
    server.child.kill()

    with PostgresServer(folder) as server, connect(server) as connection:
        assert connection.execute("SELECT count(*) FROM kept").fetchone() == (0,)


def test_it_listens_in_a_private_folder_and_nowhere_else(server: PostgresServer) -> None:
    with connect(server) as connection:
        addresses = connection.execute("SHOW listen_addresses").fetchone()
        sockets = connection.execute("SHOW unix_socket_directories").fetchone()

    assert addresses == ("",)
    assert sockets is not None
    assert stat.S_IMODE(Path(str(sockets[0])).stat().st_mode) == 0o700


def test_strings_sort_by_code_point_whatever_the_machine(server: PostgresServer) -> None:
    with connect(server) as connection:
        rows = connection.execute("SELECT word FROM (VALUES ('a'), ('B'), ('ä')) AS t (word) ORDER BY word").fetchall()

    assert rows == [("B",), ("a",), ("ä",)]


def test_a_deep_folder_gets_a_short_socket(tmp_path: Path) -> None:
    with PostgresServer(tmp_path / ("deep" * 25) / "postgres", is_durable=False) as server:
        with connect(server) as connection:
            assert connection.execute("SELECT 1").fetchone() == (1,)
        assert len(str(make_url(server.url()).query["host"])) < 80


def test_an_interrupted_initdb_is_made_again(folder: Path) -> None:
    with PostgresServer(folder, is_durable=False) as server:
        assert server.is_ready()
    (folder / "data").rename(folder / "data.unfinished")

    with PostgresServer(folder, is_durable=False) as server:
        assert server.is_ready()
    assert not (folder / "data.unfinished").exists()


def test_a_database_is_copied_from_a_template(server: PostgresServer) -> None:
    server.create_database("original")
    server.create_database("copy", template="original")
    server.drop_database("original")
    server.drop_database("copy")

    with connect(server) as connection:
        count = connection.execute("SELECT count(*) FROM pg_database WHERE datname IN ('original', 'copy')").fetchone()
    assert count == (0,)


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[PostgresServer]:
    folder = tmp_path_factory.mktemp("state") / "postgres"
    with PostgresServer(folder, is_durable=False) as server:
        yield server
    remove_folder(folder)
