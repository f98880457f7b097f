from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from tempfile import TemporaryDirectory

import psycopg
import pytest
from alembic import command
from alembic.config import Config
from sqlalchemy import Engine, make_url, text
from sqlalchemy.dialects.postgresql.psycopg import PGDialect_psycopg

from embedded.servers.postgres import PostgresServer
from models import session as session_module
from models.session import DatabaseClock, make_engine, make_sessions
from tests.conftest import ROOT, free_port
from tests.support.migrating import PATIENCE_SECONDS, migrating
from tests.support.pgbouncer import pooling

MOMENT = datetime(2026, 2, 3, 4, 5, 6, 789012, tzinfo=UTC)
ODD_DEFAULTS = {
    "DateStyle": "'German, DMY'",
    "IntervalStyle": "'sql_standard'",
    "TimeZone": "'Asia/Kolkata'",
    "bytea_output": "'escape'",
    "default_transaction_isolation": "'serializable'",
    "statement_timeout": "'7s'",
    "search_path": "studio, public",
}


@pytest.fixture
def odd_database(database_url: str) -> str:
    """A database whose sessions begin with settings that nothing here expects."""
    url = make_url(database_url)
    with psycopg.connect(host=url.query["host"], user=url.username, dbname=url.database, autocommit=True) as connection:
        connection.execute("CREATE SCHEMA studio")
        for name, value in ODD_DEFAULTS.items():
            connection.execute(f"ALTER DATABASE {url.database} SET {name} = {value}".encode())
    return database_url


@contextmanager
def engine_on(url: str) -> Iterator[Engine]:
    engine = make_engine(url, application_name="tests", pool_size=20)
    yield engine
    engine.dispose()


@pytest.fixture
def folder() -> Iterator[Path]:
    """A folder that the pooler's user can reach; pytest's own are closed to others."""
    with TemporaryDirectory(prefix="rq-pooler-") as name:
        yield Path(name)


@pytest.fixture(params=["direct", "refuses options", "drops options"])
def odd_url(request: pytest.FixtureRequest, odd_database: str, folder: Path) -> Iterator[str]:
    if request.param == "direct":
        yield odd_database
        return
    settings = {"ignore_startup_parameters": "options"} if request.param == "drops options" else {}
    with pooling(odd_database, folder, free_port(), **settings) as url:
        yield url


def test_sessions_do_not_depend_on_the_server_s_defaults(odd_url: str) -> None:
    with engine_on(odd_url) as engine, engine.begin() as connection:
        moment, length, raw = connection.execute(
            text("SELECT CAST(:moment AS timestamptz), interval '1 day 2 hours', CAST('\\x00ff' AS bytea)"),
            {"moment": MOMENT},
        ).one()
        names = ["statement_timeout", "lock_timeout", "idle_in_transaction_session_timeout", "transaction_isolation"]
        shown = [connection.scalar(text(f"SHOW {name}")) for name in names]
        connection.execute(text("CREATE TABLE written (id int)"))

    assert (moment, length, bytes(raw)) == (MOMENT, timedelta(days=1, hours=2), b"\x00\xff")
    assert shown == ["30s", "10s", "5s", "read committed"]


def test_settings_hold_in_each_transaction_of_many_clients_on_few_sessions(odd_url: str) -> None:
    def look(_number: int) -> tuple[object, object]:
        with engine.begin() as connection:
            shown = connection.scalar(text("SHOW statement_timeout")), connection.scalar(text("SHOW DateStyle"))
            connection.execute(text("SELECT pg_sleep(0.01)"))
            return shown

    with engine_on(odd_url) as engine, ThreadPoolExecutor(20) as threads:
        assert set(threads.map(look, range(200))) == {("30s", "ISO, MDY")}


def test_migrations_run_behind_a_pooler_and_leave_no_lock(
    postgres_server: PostgresServer, database_url: str, folder: Path
) -> None:
    name = f"empty_{make_url(database_url).database}"
    postgres_server.create_database(name)
    with pooling(postgres_server.url(name), folder, free_port()) as url:
        config = Config(ROOT / "alembic.ini")
        config.attributes["database_url"] = url
        with migrating(url) as first, migrating(url) as second:
            ended = [first.wait(PATIENCE_SECONDS), second.wait(PATIENCE_SECONDS)]
        command.check(config)
        with engine_on(url) as engine, engine.begin() as connection:
            locks = connection.scalar(text("SELECT count(*) FROM pg_locks WHERE locktype = 'advisory'"))
    postgres_server.drop_database(name)

    assert (ended, locks) == ([0, 0], 0)


def test_the_database_s_clock_is_read_behind_a_pooler(odd_url: str) -> None:
    with engine_on(odd_url) as engine, make_sessions(engine)() as session:
        assert DatabaseClock().now(session).utcoffset() == timedelta(0)


@pytest.fixture
def pings(monkeypatch: pytest.MonkeyPatch) -> list[object]:
    """Connections that were asked whether they are there."""
    asked: list[object] = []
    real = PGDialect_psycopg.do_ping

    def ping(dialect: PGDialect_psycopg, connection: psycopg.Connection[object]) -> bool:
        asked.append(connection)
        return real(dialect, connection)

    monkeypatch.setattr(PGDialect_psycopg, "do_ping", ping)
    return asked


def test_a_connection_in_use_is_not_asked_whether_it_is_there(database_url: str, pings: list[object]) -> None:
    with engine_on(database_url) as engine:
        for _ in range(3):
            with engine.connect() as connection:
                connection.execute(text("SELECT 1"))

    assert pings == []


def test_the_first_use_after_postgres_has_ended_its_connections_succeeds(
    database_url: str, pings: list[object]
) -> None:
    """As after a restart: the others that the pool keeps are not tried one by one."""
    with engine_on(database_url) as engine, engine_on(database_url) as operator:
        with engine.connect() as one, engine.connect() as other:
            ended = [connection.scalar(text("SELECT pg_backend_pid()")) for connection in (one, other)]
        with operator.begin() as connection:
            for pid in ended:
                assert connection.scalar(text("SELECT pg_terminate_backend(:pid, 5000)"), {"pid": pid})
        for _ in range(2):
            with engine.connect() as one, engine.connect() as other:
                assert one.scalar(text("SELECT 1")) == other.scalar(text("SELECT 1")) == 1

    assert len(pings) <= 1


def test_a_connection_that_was_idle_for_long_is_asked(
    database_url: str, pings: list[object], monkeypatch: pytest.MonkeyPatch
) -> None:
    """A firewall between may have forgotten it without a word."""
    monkeypatch.setattr(session_module, "_TRUSTED_SECONDS", 0.0)
    with engine_on(database_url) as engine:
        for _ in range(2):
            with engine.connect() as connection:
                connection.execute(text("SELECT 1"))

    assert len(pings) == 1
