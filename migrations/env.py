"""How migrations run: one at a time, and never long in anybody's way."""

from __future__ import annotations

import time

from alembic import context
from sqlalchemy import Connection, text

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
    with engine.begin() as holder, engine.connect() as connection:
        holder.execute(text("SET LOCAL idle_in_transaction_session_timeout = 0"))
        holder.execute(text("SET LOCAL lock_timeout = 0"))
        holder.execute(text("SET LOCAL statement_timeout = 0"))
        wait_for_turn(holder)
        migrate(connection)
    engine.dispose()


def wait_for_turn(holder: Connection) -> None:
    """Take the lock, asking for it again and again: a statement that waits for it holds a snapshot.

    An index that the other host builds concurrently waits for every older snapshot, so each would wait for the other.
    For the same reason the statement has no parameter: Postgres keeps what was bound last, and its snapshot, open.
    """
    while not holder.scalar(text(f"SELECT pg_try_advisory_xact_lock({ADVISORY_LOCK})")):
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
