"""Engines, sessions and the clock that all hosts share."""

from __future__ import annotations

import select as io
import time
from collections.abc import Mapping
from datetime import datetime
from typing import Any, Final, Protocol, cast

import psycopg
import structlog
from sqlalchemy import Connection, Dialect, Engine, create_engine, event, func, select
from sqlalchemy.engine.interfaces import DBAPIConnection
from sqlalchemy.exc import InvalidatePoolError
from sqlalchemy.orm import Session, sessionmaker
from sqlalchemy.pool import ConnectionPoolEntry

# A statement that runs longer than this waits for something that will not come: every hot question
# has its index, and a lock held this long belongs to a worker that is being ended.
STATEMENT_TIMEOUT_SECONDS = 30
LOCK_TIMEOUT_SECONDS = 10
CONNECT_TIMEOUT_SECONDS = 5
# No transaction waits for anything but the database, so one that idles belongs to a process that stands still,
# and may hold rows that everybody needs. Below the lock time-out: who waits for them gets them.
IDLE_IN_TRANSACTION_SECONDS = 5
# A connection that ended says so on its socket, unless the network between has swallowed that.
_TRUSTED_SECONDS: Final = 30.0
READABLE: Final = {
    "timezone": "UTC",
    "DateStyle": "ISO, MDY",
    "IntervalStyle": "postgres",
    "bytea_output": "hex",
}
"""What the driver reads values by."""
_REFUSED_BY_POOLER: Final = "unsupported startup parameter"

log = structlog.get_logger(__name__)


def make_engine(
    url: str,
    *,
    application_name: str = "reelqueue",
    pool_size: int = 5,
    statement_timeout_seconds: int = STATEMENT_TIMEOUT_SECONDS,
    lock_timeout_seconds: int = LOCK_TIMEOUT_SECONDS,
) -> Engine:
    """An engine on Postgres, also behind a pooler; it connects at first use.

    Its sessions do not depend on what the server's defaults are, except for the schema search path.

    Args:
        url: SQLAlchemy URL, ``postgresql+psycopg://…``.
        application_name: Shown in ``pg_stat_activity``.
        pool_size: Connections kept; as many again may be open for a moment.
        statement_timeout_seconds: A longer statement is ended.
        lock_timeout_seconds: A statement that waits longer for a lock is ended.

    Raises:
        sqlalchemy.exc.ArgumentError: *url* is no URL.
    """
    engine = create_engine(
        url,
        pool_size=pool_size,
        max_overflow=pool_size,
        hide_parameters=True,  # an error's text ends up in logs and must not quote prompts or keys' hashes
        isolation_level="READ COMMITTED",  # guarded updates count on it, whatever the server's default is
        connect_args={
            # Never prepared: a plan that Postgres keeps for any parameter cannot use the partial indexes, and
            # one that was made while the tables were empty read 230,000 rows for each question.
            "prepare_threshold": None,
            "connect_timeout": CONNECT_TIMEOUT_SECONDS,
            "client_encoding": "utf8",
        },
    )
    session_settings = SessionSettings(
        {
            "application_name": application_name,
            "statement_timeout": f"{statement_timeout_seconds}s",
            "lock_timeout": f"{lock_timeout_seconds}s",
            "idle_in_transaction_session_timeout": f"{IDLE_IN_TRANSACTION_SECONDS}s",
            **READABLE,
        }
    )
    event.listen(engine, "do_connect", session_settings.connect)
    event.listen(engine, "begin", session_settings.begin)
    look = LookBeforeUse(engine.dialect)
    event.listen(engine, "checkin", look.given_back)
    event.listen(engine, "checkout", look.taken)
    return engine


class LookBeforeUse:
    """Replaces connections that have ended while they were idle, so that the first use after a restart succeeds.

    A ping would cost a round trip for each transaction. The end of a connection is seen on its socket, for nothing;
    only one that has something to read, or that was idle for long, is asked.
    """

    def __init__(self, dialect: Dialect) -> None:
        self._dialect = dialect

    def given_back(self, _connection: object, entry: ConnectionPoolEntry) -> None:
        """Note when a connection was last known to work."""
        entry.info[self] = time.monotonic()

    def taken(self, connection: DBAPIConnection, entry: ConnectionPoolEntry, _proxy: object) -> None:
        """Check a connection of the pool; one that was just made has no such time.

        Raises:
            InvalidatePoolError: It has ended: the pool makes a new one, and so for all others that it keeps.
        """
        used_at = entry.info.get(self)
        if used_at is None or (time.monotonic() - used_at < _TRUSTED_SECONDS and not _has_news(connection)):
            return
        try:
            self._dialect.do_ping(connection)
        except psycopg.Error as error:
            raise InvalidatePoolError from error


def _has_news(connection: DBAPIConnection) -> bool:
    """Whether an idle connection was closed, or has something to say: a farewell, as a rule."""
    driver = cast("psycopg.Connection[Any]", connection)
    if driver.closed:
        return True
    poll = io.poll()
    poll.register(driver.fileno(), io.POLLIN)
    return bool(poll.poll(0))


class SessionSettings:
    """Gives each session of an engine the same settings, at its start or, behind a pooler, in each transaction.

    A pooler in transaction mode hands each transaction to another session of the server. It refuses options at the
    start of a connection, or drops them without saying so.
    """

    def __init__(self, values: Mapping[str, str]) -> None:
        self._values = dict(values)
        self.is_pooled = False
        """Settings are made in each transaction, which costs one statement more."""

    def connect(
        self, _dialect: Dialect, _record: object, arguments: tuple[Any, ...], options: dict[str, Any]
    ) -> psycopg.Connection[Any]:
        """Connect with the settings, or without them where they cannot be given."""
        if not self.is_pooled:
            try:
                connection = psycopg.connect(*arguments, **options | {"options": self._options(options)})
            except psycopg.OperationalError as error:
                if _REFUSED_BY_POOLER not in str(error):
                    raise
            else:
                if connection.info.parameter_status("application_name") == self._values["application_name"]:
                    return connection
                connection.close()
            self.is_pooled = True
            log.info("database.pooler", settings="made in each transaction, as options are not kept")
        return psycopg.connect(*arguments, **options)

    def begin(self, connection: Connection) -> None:
        """Make the settings of a transaction that has begun."""
        if self.is_pooled:
            calls = ", ".join("set_config(%s, %s, true)" for _ in self._values)
            pairs = tuple(part for pair in self._values.items() for part in pair)
            connection.exec_driver_sql(f"SELECT {calls}", pairs)

    def _options(self, given: Mapping[str, Any]) -> str:
        # The last one wins in Postgres; what the operator's URL says comes first, since the protocol needs ours.
        ours = [f"-c {name}={_escaped(value)}" for name, value in self._values.items()]
        return " ".join([*filter(None, [given.get("options")]), *ours])


def _escaped(value: str) -> str:
    return value.replace("\\", "\\\\").replace(" ", "\\ ")


def make_sessions(engine: Engine) -> sessionmaker[Session]:
    """A factory of sessions whose objects stay readable after the commit."""
    return sessionmaker(engine, expire_on_commit=False)


class Clock(Protocol):
    """Tells the time; the seam for tests that run on virtual time."""

    def now(self, session: Session, /) -> datetime:
        """The time now, aware."""
        ...


class DatabaseClock:
    """The database's clock: the one that all worker hosts agree on, however wrong their own are."""

    def now(self, session: Session, /) -> datetime:
        """The time now, aware, also within a long transaction."""
        now: datetime = session.scalars(select(func.clock_timestamp())).one()
        return now
