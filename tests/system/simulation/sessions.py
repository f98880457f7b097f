"""Sessions on real Postgres whose transactions can be held up, overtaken, cut off and lost."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager
from typing import Any, Final

import psycopg
from sqlalchemy import Connection, Engine, ExceptionContext, create_engine, event
from sqlalchemy.orm import Session, sessionmaker

from tests.system.simulation.stage import Killed, Stage

# Frames that say nothing of whose transaction it is.
_ANONYMOUS: Final = frozenset({"commit_with_retry", "_settle"})
# A deadlock is an error of ours: found soon, and never by the waiter's luck.
_DEADLOCK_MS: Final = 50


def make_engine(url: str) -> Engine:
    """An engine with a connection for each worker.

    Every statement is prepared at its first use and planned without its values, so that no plan depends on the
    seeds before, and few are made.
    """
    options = f"-c timezone=UTC -c deadlock_timeout={_DEADLOCK_MS}ms -c lock_timeout=20s"
    engine = create_engine(
        url,
        pool_size=16,
        max_overflow=0,
        connect_args={
            "options": f"{options} -c plan_cache_mode=force_generic_plan",
            "prepare_threshold": 0,
            "application_name": "simulation",
        },
    )
    event.listen(engine, "connect", _keep_prepared)
    return engine


def _keep_prepared(connection: psycopg.Connection[Any], _record: object) -> None:
    connection.prepared_max = 1000


class StagedSession(Session):
    """Says when it holds no lock any more, however it came to that."""

    def close(self) -> None:
        """End the transaction, if there is one."""
        super().close()
        stage: Stage = self.info["stage"]
        stage.end_transaction()


class StagedSessions(sessionmaker[Session]):
    """Hands the baton back before and after each transaction, and before it commits."""

    def __init__(self, engine: Engine, stage: Stage) -> None:
        super().__init__(engine, class_=StagedSession, expire_on_commit=False, info={"stage": stage})
        self._stage = stage

    def begin(self) -> AbstractContextManager[Session]:
        """A transaction, named after the function that opens it."""
        return self._transaction(_caller())

    @contextmanager
    def _transaction(self, name: str) -> Iterator[Session]:
        self._stage.point(f"before {name}")
        with super().begin() as session:
            yield session
            session.flush()
            self._stage.point(f"commit of {name}")
        self._stage.point(f"after {name}")


def _caller() -> str:
    frame = sys._getframe(2)
    while frame.f_code.co_name in _ANONYMOUS and frame.f_back is not None:
        frame = frame.f_back
    return frame.f_code.co_name


@contextmanager
def staged_statements(engine: Engine, stage: Stage) -> Iterator[None]:
    """Let the stage see every statement of an engine."""

    def before(connection: Connection, *_: Any) -> None:
        wire = connection.connection.driver_connection
        try:
            stage.begin_statement(wire.info.backend_pid)
        except Killed:
            wire.rollback()  # Postgres does so when it sees the connection end, which is a little later
            raise

    def after(*_: Any) -> None:
        stage.end_statement()

    def failed(_context: ExceptionContext) -> None:
        stage.end_statement()

    listeners = [("before_cursor_execute", before), ("after_cursor_execute", after), ("handle_error", failed)]
    for name, listener in listeners:
        event.listen(engine, name, listener)
    try:
        yield
    finally:
        for name, listener in listeners:
            event.remove(engine, name, listener)


class LockTable:
    """Who waits for whom in Postgres."""

    def __init__(self, connection: psycopg.Connection[tuple[bool]]) -> None:
        self._connection = connection

    def is_waiting(self, backend_pid: int) -> bool:
        """Whether a backend waits for a lock."""
        row = self._connection.execute("SELECT cardinality(pg_blocking_pids(%s)) > 0", [backend_pid]).fetchone()
        return bool(row and row[0])
