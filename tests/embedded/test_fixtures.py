"""The suite's own services keep their word: migrated, isolated, empty."""

from __future__ import annotations

from pathlib import Path

import pytest
import redis
from sqlalchemy import Engine, create_engine, func, inspect, select, text
from sqlalchemy.orm import Session

from embedded.servers.valkey import ValkeyServer
from models import Account, Base


def test_the_schema_is_the_models(engine: Engine) -> None:
    assert set(inspect(engine).get_table_names()) == {*Base.metadata.tables, "alembic_version"}


@pytest.mark.parametrize("order", ["first", "second"])
def test_a_commit_is_gone_in_the_next_test(session: Session, order: str) -> None:
    before = session.scalar(select(func.count()).select_from(Account))
    session.execute(text(f"CREATE TABLE {order} ()"))
    session.commit()

    assert before == session.scalar(select(func.count()).select_from(Account))
    assert len(inspect(session.connection()).get_table_names()) == len(Base.metadata.tables) + 2


def test_a_database_of_the_tests_own_is_migrated(database_url: str, postgres_url: str) -> None:
    engine = create_engine(database_url)
    tables = inspect(engine).get_table_names()
    engine.dispose()

    assert "alembic_version" in tables
    assert database_url != postgres_url


def test_the_broker_is_empty(broker: ValkeyServer, broker_url: str, result_backend_url: str) -> None:
    with redis.Redis.from_url(broker.client_url) as client:
        assert client.dbsize() == 0
    assert Path(broker.socket_path).is_socket()
    assert broker_url != result_backend_url
