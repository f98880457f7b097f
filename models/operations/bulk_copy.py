"""Many rows at once by Postgres' COPY: a batch of a campaign is thousands of them."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from enum import Enum
from typing import Any, Final

import psycopg
from psycopg import sql
from sqlalchemy.orm import Session

from models.base import Base
from models.render_job import RenderJob

JOB_COLUMNS: Final = tuple(column.key for column in RenderJob.__table__.columns)
JSON_COLUMNS: Final = frozenset({"metadata", "extra_options", "warnings", "clip_variables"})
EVENT_COLUMNS: Final = ("job_id", "at", "kind", "to_state", "detail")
REFERENCE_COLUMNS: Final = ("job_id", "position", "role", "media_type", "url", "voice_url", "path")
_DEFAULTS: Final[dict[str, Any]] = {
    column.key: column.default.arg
    for column in RenderJob.__table__.columns
    if column.default is not None and column.default.is_scalar
}


def new_job_values() -> dict[str, Any]:
    """What a job begins with, by column."""
    return dict(_DEFAULTS)


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
