"""How migrations run: one at a time, and never long in anybody's way."""

from __future__ import annotations

from alembic import context
from sqlalchemy import Connection, create_engine, pool, text

from models import Base
from models.settings import ServiceSettings, read_settings

# Two hosts that start together must not both migrate; the number is arbitrary and ours.
ADVISORY_LOCK = 7_305_281_044
# DDL that waits for a lock makes everyone behind it wait too: give up instead, and try again.
LOCK_TIMEOUT = "5s"
STATEMENT_TIMEOUT = "60s"


def migrate(connection: Connection) -> None:
    """Run the migrations over a connection, alone."""
    connection.execute(text("SELECT pg_advisory_lock(:key)"), {"key": ADVISORY_LOCK})
    connection.execute(text(f"SET lock_timeout = '{LOCK_TIMEOUT}'"))
    connection.execute(text(f"SET statement_timeout = '{STATEMENT_TIMEOUT}'"))
    connection.commit()
    context.configure(
        connection=connection,
        target_metadata=Base.metadata,
        compare_type=True,
        compare_server_default=True,
        transaction_per_migration=True,
    )
    try:
        with context.begin_transaction():
            context.run_migrations()
    finally:
        connection.rollback()
        connection.execute(text("SELECT pg_advisory_unlock(:key)"), {"key": ADVISORY_LOCK})
        connection.commit()


def main() -> None:
    """Migrate the connection that the caller handed in, or the database of the settings."""
    given = context.config.attributes.get("connection")
    if given is not None:
        migrate(given)
        return
    url = (
        context.config.attributes.get("database_url") or read_settings(ServiceSettings).database_url.get_secret_value()
    )
    engine = create_engine(url, poolclass=pool.NullPool)
    with engine.connect() as connection:
        migrate(connection)


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
