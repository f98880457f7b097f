"""The schema's history: one head, no drift, there and back again; and what every table promises."""

from __future__ import annotations

import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from alembic import command
from alembic.autogenerate import compare_metadata
from alembic.config import Config
from alembic.runtime.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import Engine, create_engine, inspect
from sqlalchemy.engine.reflection import Inspector

from embedded.servers.postgres import PostgresServer
from models import Base
from tests.support.migrating import PATIENCE_SECONDS, migrating

ROOT = Path(__file__).parents[3]
TABLES = sorted(Base.metadata.tables)
ADVISORY_LOCK = 7_305_281_044
TURNS_BEGAN = """
SELECT xact_start FROM pg_stat_activity
WHERE application_name = 'reelqueue migrations' AND query LIKE '%%advisory%%' AND xact_start IS NOT NULL
"""


@pytest.fixture
def empty(postgres_server: PostgresServer) -> Iterator[Engine]:
    """A database without tables."""
    name = "migrations"
    postgres_server.create_database(name)
    engine = create_engine(postgres_server.url(name))
    yield engine
    engine.dispose()
    postgres_server.drop_database(name)


@pytest.fixture
def config(empty: Engine) -> Config:
    """Alembic's configuration, for the empty database."""
    config = Config(ROOT / "alembic.ini")
    config.attributes["database_url"] = empty.url.render_as_string(hide_password=False)
    return config


@pytest.fixture(scope="module")
def schema(engine: Engine) -> Inspector:
    """What the migrations made."""
    return inspect(engine)


def test_there_is_one_head() -> None:
    assert len(ScriptDirectory.from_config(Config(ROOT / "alembic.ini")).get_heads()) == 1


def test_the_migrations_make_what_the_models_say(engine: Engine) -> None:
    with engine.connect() as connection:
        context = MigrationContext.configure(connection, opts={"compare_type": True, "compare_server_default": True})

        assert compare_metadata(context, Base.metadata) == []


def test_every_step_goes_there_and_back_and_there(config: Config, empty: Engine) -> None:
    command.upgrade(config, "head")
    there = snapshot(empty)
    command.downgrade(config, "base")
    back = snapshot(empty)
    command.upgrade(config, "head")

    assert back == {}
    assert snapshot(empty) == there
    assert set(there) == set(TABLES)


def test_two_hosts_that_start_at_once_both_end_well(config: Config, empty: Engine) -> None:
    url = config.attributes["database_url"]

    with migrating(url) as first, migrating(url) as second:
        assert [first.wait(PATIENCE_SECONDS), second.wait(PATIENCE_SECONDS)] == [0, 0]
    assert set(inspect(empty).get_table_names()) == {*TABLES, "alembic_version"}


def test_a_host_that_waits_for_its_turn_asks_in_a_new_transaction_each_time(config: Config, empty: Engine) -> None:
    """An index that is built concurrently waits for the end of each transaction that it has seen at work."""
    began: set[object] = set()
    deadline = time.monotonic() + PATIENCE_SECONDS
    with empty.connect() as other, migrating(config.attributes["database_url"]) as host:
        other.exec_driver_sql(f"SELECT pg_advisory_xact_lock({ADVISORY_LOCK})")
        with empty.connect().execution_options(isolation_level="AUTOCOMMIT") as observer:
            while host.poll() is None and len(began) < 3 and time.monotonic() < deadline:
                began |= set(observer.exec_driver_sql(TURNS_BEGAN).scalars())
        other.rollback()

        assert len(began) >= 3
        assert host.wait(PATIENCE_SECONDS) == 0


@pytest.mark.parametrize("table", TABLES)
def test_every_table_and_column_says_what_it_is_for(schema: Inspector, table: str) -> None:
    silent = [column["name"] for column in schema.get_columns(table) if not column["comment"]]

    assert schema.get_table_comment(table)["text"]
    assert silent == []


@pytest.mark.parametrize("table", TABLES)
def test_every_foreign_key_is_led_by_an_index(schema: Inspector, table: str) -> None:
    """Without it each delete, and each check of a referenced row, reads the whole table."""
    leading = [
        index["column_names"]
        for index in schema.get_indexes(table)
        if not index["dialect_options"].get("postgresql_where")
    ]
    leading += [unique["column_names"] for unique in schema.get_unique_constraints(table)]
    leading.append(schema.get_pk_constraint(table)["constrained_columns"])

    for key in schema.get_foreign_keys(table):
        columns = key["constrained_columns"]
        assert any(names[: len(columns)] == columns for names in leading), columns


@pytest.mark.parametrize("table", TABLES)
def test_every_time_has_a_zone(schema: Inspector, table: str) -> None:
    times = [
        column["type"] for column in schema.get_columns(table) if column["name"].endswith(("_at", "_until", "_by"))
    ]

    assert all(getattr(kind, "timezone", False) for kind in times)


@pytest.mark.parametrize("table", TABLES)
def test_every_constraint_has_a_name_of_ours(schema: Inspector, table: str) -> None:
    names = [schema.get_pk_constraint(table)["name"]]
    names += [unique["name"] for unique in schema.get_unique_constraints(table)]
    names += [key["name"] for key in schema.get_foreign_keys(table)]

    assert all(str(name).startswith(("pk_", "uq_", "fk_")) for name in names)


def test_migrations_do_not_import_the_application() -> None:
    """They are history; the application goes on."""
    texts = [path.read_text(encoding="utf-8") for path in (ROOT / "migrations" / "versions").glob("*.py")]

    assert texts
    assert not any(
        f"{word} {package}" in text
        for text in texts
        for word in ("from", "import")
        for package in ("models", "reelqueue", "workers")
    )


def snapshot(engine: Engine) -> dict[str, list[str]]:
    """Our tables with their columns and indexes, in words."""
    schema = inspect(engine)
    return {
        table: sorted(str(thing["name"]) for thing in [*schema.get_columns(table), *schema.get_indexes(table)])
        for table in schema.get_table_names()
        if table != "alembic_version"
    }
