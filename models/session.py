"""Engines, sessions and the clock that all hosts share."""

from __future__ import annotations

from datetime import datetime
from typing import Protocol

from sqlalchemy import Engine, create_engine, func, select
from sqlalchemy.orm import Session, sessionmaker

# A statement that runs longer than this waits for something that will not come: every hot question
# has its index, and a lock held this long belongs to a worker that is being ended.
STATEMENT_TIMEOUT_SECONDS = 30
LOCK_TIMEOUT_SECONDS = 10
CONNECT_TIMEOUT_SECONDS = 5
# No transaction waits for anything but the database, so one that idles belongs to a process that stands still,
# and may hold rows that everybody needs. Below the lock time-out: who waits for them gets them.
IDLE_IN_TRANSACTION_SECONDS = 5


def make_engine(url: str, *, application_name: str = "reelqueue", pool_size: int = 5) -> Engine:
    """An engine on Postgres; it connects at first use.

    Args:
        url: SQLAlchemy URL, ``postgresql+psycopg://…``.
        application_name: Shown in ``pg_stat_activity``.
        pool_size: Connections kept; as many again may be open for a moment.

    Raises:
        sqlalchemy.exc.ArgumentError: *url* is no URL.
    """
    return create_engine(
        url,
        pool_size=pool_size,
        max_overflow=pool_size,
        hide_parameters=True,  # an error's text ends up in logs and must not quote prompts or keys' hashes
        pool_pre_ping=True,  # after a restart of Postgres the first use reconnects instead of failing
        connect_args={
            # Never prepared: a plan that Postgres keeps for any parameter cannot use the partial indexes, and
            # one that was made while the tables were empty read 230,000 rows for each question.
            "prepare_threshold": None,
            "application_name": application_name,
            "connect_timeout": CONNECT_TIMEOUT_SECONDS,
            "options": (
                f"-c statement_timeout={STATEMENT_TIMEOUT_SECONDS}s -c lock_timeout={LOCK_TIMEOUT_SECONDS}s"
                f" -c idle_in_transaction_session_timeout={IDLE_IN_TRANSACTION_SECONDS}s -c timezone=UTC"
            ),
        },
    )


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
