"""Many rows at once by Postgres' COPY: a batch of a campaign is thousands of them."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from enum import Enum
from typing import Any

import psycopg
from psycopg import sql
from sqlalchemy.orm import Session

from models.base import Base


def copy_rows(session: Session, table: type[Base], columns: Sequence[str], rows: Iterable[Sequence[object]]) -> None:
    """Append rows to a table, within the session's transaction.

    Args:
        session: In a transaction; the caller commits.
        table: Whose.
        columns: Their names in the database.
        rows: A value for each column; JSON as its text. They must not come from the same session: it is busy.
    """
    connection: psycopg.Connection[Any] = session.connection().connection.driver_connection  # type: ignore[assignment]
    statement = sql.SQL("COPY {table} ({columns}) FROM STDIN").format(
        table=sql.Identifier(table.__tablename__), columns=sql.SQL(", ").join(map(sql.Identifier, columns))
    )
    with connection.cursor() as cursor, cursor.copy(statement) as copy:
        for row in rows:
            copy.write_row([value.value if isinstance(value, Enum) else value for value in row])
