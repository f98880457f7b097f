"""Small values that must survive a restart: configuration, clock offset, signing secret."""

from __future__ import annotations

import sqlite3


class SettingTable:
    """Text by name."""

    def __init__(self, database: sqlite3.Connection) -> None:
        self._database = database

    def get(self, name: str) -> str | None:
        """The value, or ``None`` when never set."""
        row = self._database.execute("SELECT value FROM settings WHERE name = ?", (name,)).fetchone()
        return None if row is None else str(row["value"])

    def put(self, name: str, value: str) -> None:
        """Set or replace a value."""
        self._database.execute("INSERT OR REPLACE INTO settings VALUES (?, ?)", (name, value))
