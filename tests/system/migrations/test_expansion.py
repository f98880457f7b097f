"""Workers of the release before live with the schema of this one: a rolling upgrade stops nobody."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import pairwise
from pathlib import Path

import pytest
from alembic import command
from alembic.config import Config
from alembic.script import Script, ScriptDirectory
from sqlalchemy import Column, Engine, Integer, MetaData, String, Table, UniqueConstraint, create_engine

from embedded.servers.postgres import PostgresServer
from tests.system.migrations.expansion import stumbles

ROOT = Path(__file__).parents[3]
HISTORY = list(reversed(list(ScriptDirectory.from_config(Config(ROOT / "alembic.ini")).walk_revisions())))
STEPS = [pair for pair in pairwise(HISTORY) if "contract:" not in (pair[1].doc + (pair[1].module.__doc__ or ""))]


def jobs(*more: Column[object] | UniqueConstraint, without: str = "", note: Column[object] | None = None) -> MetaData:
    """A small schema."""
    schema = MetaData()
    columns = [Column("id", Integer, primary_key=True), Column("name", String), note]
    kept = [column for column in columns if column is not None and column.name != without]
    Table("jobs", schema, *kept, *more)
    return schema


@pytest.mark.parametrize(
    "grown",
    [
        jobs(Column("deaths", Integer)),
        jobs(Column("deaths", Integer, nullable=False, server_default="0")),
        # Only rows that have the new column can break it.
        jobs(Column("slug", String), UniqueConstraint("slug")),
    ],
    ids=["nullable", "with a default", "unique by a new column"],
)
def test_what_an_older_worker_bears(grown: MetaData) -> None:
    assert list(stumbles(jobs(), grown)) == []


@pytest.mark.parametrize(
    ("grown", "what"),
    [
        (MetaData(), "jobs is gone"),
        (jobs(without="name"), "jobs.name is gone"),
        (jobs(Column("name", Integer), without="name"), "was VARCHAR and is INTEGER"),
        (jobs(Column("name", String, nullable=False), without="name"), "must not be null any more"),
        (jobs(Column("deaths", Integer, nullable=False)), "give it a server default"),
        # Python's default is in the new code, not in the database.
        (jobs(Column("deaths", Integer, nullable=False, default=0)), "give it a server default"),
        (jobs(UniqueConstraint("name")), "no more with the same name"),
    ],
)
def test_what_it_stumbles_over(grown: MetaData, what: str) -> None:
    (found,) = stumbles(jobs(), grown)

    assert what in found


@pytest.mark.parametrize("step", STEPS, ids=lambda step: step[1].revision)
def test_each_migration_only_expands(step: tuple[Script, Script], growing: Engine, config: Config) -> None:
    command.upgrade(config, step[0].revision)
    before = reflected(growing)
    command.upgrade(config, step[1].revision)

    assert list(stumbles(before, reflected(growing))) == []


def reflected(engine: Engine) -> MetaData:
    """The schema as it is."""
    schema = MetaData()
    schema.reflect(engine)
    return schema


@pytest.fixture
def growing(postgres_server: PostgresServer) -> Iterator[Engine]:
    """A database without tables."""
    name = "growing"
    postgres_server.create_database(name)
    engine = create_engine(postgres_server.url(name))
    yield engine
    engine.dispose()
    postgres_server.drop_database(name)


@pytest.fixture
def config(growing: Engine) -> Config:
    """Alembic's configuration, for that database."""
    config = Config(ROOT / "alembic.ini")
    config.attributes["database_url"] = growing.url.render_as_string(hide_password=False)
    return config
