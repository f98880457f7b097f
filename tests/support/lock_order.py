"""Sees every statement of an engine, and names those that take locks in an order that can end in a deadlock."""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, Final

from sqlalchemy import Connection, Engine, event

_WRITES: Final = re.compile(r"^\s*(?:UPDATE|INSERT INTO|DELETE FROM)\s+(\w+)")
_MAKES: Final = re.compile(r"^\s*INSERT\b.*\bDO NOTHING\b", re.DOTALL)
_LOCKS: Final = re.compile(r"\bFROM\s+(\w+).*\bFOR (?:NO KEY )?UPDATE\b", re.DOTALL)
_LANES: Final = "poll_lanes"
_AFTER_LANES: Final = frozenset({_LANES, "turns"})
"""Whoever locks an account's turns locks nothing after them."""
_ENDS: Final = ("begin", "commit", "rollback", "savepoint", "release_savepoint", "rollback_savepoint")
_KEY: Final = "tests.lane_is_locked"


def locked_table(statement: str) -> str | None:
    """The table whose rows a statement locks, also by a foreign key of what it inserts; None: it only reads."""
    if statement.startswith("EXPLAIN"):
        return None
    found = _WRITES.search(statement) or _LOCKS.search(statement)
    return found[1] if found else None


@contextmanager
def watched_locks() -> Iterator[list[str]]:
    """The statements, as they come, that lock another table in a transaction that has locked a poll lane."""
    wrong: list[str] = []

    def before(connection: Connection, _cursor: object, statement: str, *_: object) -> None:
        table = locked_table(statement)
        if table == _LANES:  # a lane that is made by the way has no row yet that could be locked
            connection.info[_KEY] = connection.info.get(_KEY) or not _MAKES.search(statement)
        elif table is not None and table not in _AFTER_LANES and connection.info.get(_KEY):
            wrong.append(statement)

    def end(connection: Connection, *_: Any) -> None:
        connection.info.pop(_KEY, None)

    listeners = [("before_cursor_execute", before), *((name, end) for name in _ENDS)]
    for name, listener in listeners:
        event.listen(Engine, name, listener)
    try:
        yield wrong
    finally:
        for name, listener in listeners:
            event.remove(Engine, name, listener)
