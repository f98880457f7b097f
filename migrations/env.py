"""How migrations run: one at a time, and never long in anybody's way."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager

from alembic import context
from sqlalchemy import Connection, Engine, text

from models import Base
from models.session import make_engine
from models.settings import ServiceSettings, read_settings

# Two hosts that start together must not both migrate; the number is arbitrary and ours.
ADVISORY_LOCK = 7_305_281_044
# DDL that waits for a lock makes everyone behind it wait too: give up instead, and try again.
LOCK_TIMEOUT_SECONDS = 5
STATEMENT_TIMEOUT_SECONDS = 60
TURN_SECONDS = 0.2


def migrate(connection: Connection) -> None:
    """Run the migrations over a connection."""
    context.configure(
        connection=connection,
        target_metadata=Base.metadata,
        compare_type=True,
        compare_server_default=True,
        transaction_per_migration=True,
    )
    with context.begin_transaction():
        context.run_migrations()


def migrate_alone(url: str) -> None:
    """Run the migrations of a database, while any other host that wants to waits.

    The lock belongs to a transaction on a connection of its own: behind a pooler a lock of the session would stay
    with a session that others are given next.
    """
    engine = make_engine(
        url,
        application_name="reelqueue migrations",
        statement_timeout_seconds=STATEMENT_TIMEOUT_SECONDS,
        lock_timeout_seconds=LOCK_TIMEOUT_SECONDS,
    )
    with turn(engine), engine.connect() as connection:
        migrate(connection)
    engine.dispose()


@contextmanager
def turn(engine: Engine) -> Iterator[None]:
    """Hold the lock, which is asked for again and again, each time in a transaction of its own.

    An index that the other host builds concurrently waits for the end of every transaction that it sees with a
    snapshot. One that waited for the lock, or that asked for it twice, could be seen so, and each would wait for the
    other for ever. For the same reason the question has no parameter: Postgres keeps what was bound last, and its
    snapshot, open.
    """
    while True:
        with engine.begin() as holder:
            for name in ("idle_in_transaction_session_timeout", "lock_timeout", "statement_timeout"):
                holder.execute(text(f"SET LOCAL {name} = 0"))
            if holder.scalar(text(f"SELECT pg_try_advisory_xact_lock({ADVISORY_LOCK})")):
                yield
                return
        time.sleep(TURN_SECONDS)


def main() -> None:
    """Migrate the database that the caller named, or that of the settings."""
    migrate_alone(
        context.config.attributes.get("database_url") or read_settings(ServiceSettings).database_url.get_secret_value()
    )


if context.is_offline_mode():
    context.configure(
        url=read_settings(ServiceSettings).database_url.get_secret_value(),
        target_metadata=Base.metadata,
        literal_binds=True,
    )
    with context.begin_transaction():
        context.run_migrations()
else:
    main()
