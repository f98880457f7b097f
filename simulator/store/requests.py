"""The request log: what was asked and what was answered, without bodies and keys."""

from __future__ import annotations

import sqlite3
from dataclasses import dataclass
from typing import Any, Final

KEPT_REQUESTS: Final = 100_000
"""Older lines are dropped."""
_TRIM_EVERY: Final = 1_000


@dataclass(frozen=True, slots=True)
class LoggedRequest:
    """One call to the service."""

    at_ms: int
    operation: str
    method: str
    path: str
    account: str
    model: str
    task_id: str
    """The task asked for, or made."""
    request_id: str
    status: int
    """HTTP status; 0 when the connection was dropped or never answered."""
    fault: str
    """Kind of the scripted fault that changed the answer, or empty."""


class RequestTable:
    """The newest calls."""

    def __init__(self, database: sqlite3.Connection) -> None:
        self._database = database

    def add(self, request: LoggedRequest) -> None:
        """Append a call and forget what is too old."""
        cursor = self._database.execute(
            "INSERT INTO requests (at_ms, operation, method, path, account, model, task_id, request_id, status, fault)"
            " VALUES (:at_ms, :operation, :method, :path, :account, :model, :task_id, :request_id, :status, :fault)",
            # Not asdict, which copies deeply and would be the dearest part of a cheap call.
            {name: getattr(request, name) for name in LoggedRequest.__slots__},
        )
        number = cursor.lastrowid or 0
        if number % _TRIM_EVERY == 0:
            self._database.execute("DELETE FROM requests WHERE number <= ?", (number - KEPT_REQUESTS,))

    def newest(self, limit: int, operation: str | None = None) -> list[dict[str, Any]]:
        """The last *limit* calls, oldest first, of one operation or of all."""
        rows = self._database.execute(
            "SELECT * FROM requests WHERE ?1 IS NULL OR operation = ?1 ORDER BY number DESC LIMIT ?2",
            (operation, limit),
        )
        return [dict(row) for row in rows][::-1]

    def count(self) -> dict[str, int]:
        """Calls by operation."""
        return dict(self._database.execute("SELECT operation, count(*) FROM requests GROUP BY operation").fetchall())
