from __future__ import annotations

import os
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import psycopg
import pytest
from alembic import command
from alembic.config import Config
from sqlalchemy import make_url
from sqlalchemy.orm import Session

from embedded.processes.server_folders import remove_folder
from embedded.servers.postgres import PostgresServer
from models.operations.scheduling.submit_gates import (
    Cause,
    DatabaseIdentity,
    Openings,
    close_gate,
    database_identity,
    must_close,
)
from models.session import make_engine
from models.submit_gate import SubmitGate
from tests.conftest import ROOT
from tests.support.stored_jobs import store_account

NOW = datetime(2026, 11, 30, 12, 0, tzinfo=UTC)
PATIENCE_SECONDS = 60.0


@pytest.fixture
def folder(tmp_path: Path) -> Iterator[Path]:
    folder = tmp_path / "postgres"
    yield folder
    remove_folder(folder)


def identity_of(server: PostgresServer) -> DatabaseIdentity:
    engine = make_engine(server.url())
    with Session(engine) as session:
        identity = database_identity(session)
    engine.dispose()
    return identity


def promote(server: PostgresServer) -> None:
    """Start the server's data as a standby's, and let it take over as a cluster's manager does."""
    standby = server.folder / "data" / "standby.signal"
    standby.touch()
    owner = standby.parent.stat()
    os.chown(standby, owner.st_uid, owner.st_gid)
    server.launch()
    url, give_up_at = make_url(server.url("postgres")), time.monotonic() + PATIENCE_SECONDS
    while True:
        try:
            connection = psycopg.connect(host=str(url.query["host"]), user=url.username, dbname="postgres")
        except psycopg.OperationalError:  # it does not take connections yet
            assert time.monotonic() < give_up_at
            time.sleep(0.05)
        else:
            with connection:
                connection.execute("SELECT pg_promote(wait => true)")
            return


def test_a_replica_that_takes_over_is_another_database_before_its_first_checkpoint(folder: Path) -> None:
    server = PostgresServer(folder)
    server.start()
    server.create_database()
    config = Config(ROOT / "alembic.ini")
    config.attributes["database_url"] = server.url()
    command.upgrade(config, "head")
    before = identity_of(server)
    server.stop()

    promote(server)
    try:
        after = identity_of(server)
    finally:
        server.stop()

    gate = SubmitGate(database_id=before.database_id, server_started_at=before.server_started_at)
    gate.is_open, gate.alive_at = True, NOW
    assert "timeline=00000001" in before.database_id
    assert "timeline=00000002" in after.database_id
    assert must_close(gate, after, NOW)
    close_gate(gate, after, NOW)
    assert gate.cause == Cause.RESTORED


def test_a_thread_reads_accounts_while_another_one_waits_for_the_database(session: Session) -> None:
    account_id = store_account(session)
    openings = Openings({}, {}, session)

    class Waiting(Session):
        """A session whose statement is answered only when another thread has had its own answer."""

        def scalars(self, *_: Any, **__: Any) -> Any:  # noqa: ANN401 -- as the method that it stands for
            return threads.submit(lambda: openings.accounts).result(PATIENCE_SECONDS).values()

    with ThreadPoolExecutor(1) as threads:
        assert set(Openings({}, {}, Waiting()).accounts) == {account_id}
