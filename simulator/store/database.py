"""The SQLite file and its tables."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final

from simulator.errors import StartError

SCHEMA_VERSION: Final = 3

_TEXT_LEDGER: Final = """
CREATE TABLE text_ledger (
  request_id TEXT PRIMARY KEY, account TEXT NOT NULL, model TEXT NOT NULL, messages_sha256 TEXT NOT NULL,
  prompt_tokens INTEGER NOT NULL, cached_tokens INTEGER NOT NULL, written_tokens INTEGER NOT NULL,
  completion_tokens INTEGER NOT NULL, reasoning_tokens INTEGER NOT NULL, amount TEXT, currency TEXT,
  settled_ms INTEGER NOT NULL);
"""
_BATCHES: Final = """
ALTER TABLE text_ledger ADD COLUMN batch_id TEXT;
ALTER TABLE text_ledger ADD COLUMN custom_id TEXT;
CREATE TABLE files (
  file_id TEXT NOT NULL UNIQUE, account TEXT NOT NULL, filename TEXT NOT NULL, purpose TEXT NOT NULL,
  content BLOB NOT NULL, created_ms INTEGER NOT NULL);
CREATE TABLE batches (
  sequence INTEGER PRIMARY KEY AUTOINCREMENT, batch_id TEXT NOT NULL UNIQUE, account TEXT NOT NULL,
  input_file_id TEXT NOT NULL, endpoint TEXT NOT NULL, completion_window TEXT NOT NULL, metadata TEXT NOT NULL,
  status TEXT NOT NULL, created_ms INTEGER NOT NULL, starts_ms INTEGER NOT NULL, works_until_ms INTEGER NOT NULL,
  ends_ms INTEGER NOT NULL, expires_ms INTEGER NOT NULL, cancelling_ms INTEGER, closed_ms INTEGER, errors TEXT,
  output_file_id TEXT, error_file_id TEXT);
CREATE INDEX batches_open ON batches (sequence) WHERE closed_ms IS NULL;
CREATE TABLE batch_lines (
  batch_id TEXT NOT NULL, number INTEGER NOT NULL, custom_id TEXT NOT NULL, request TEXT NOT NULL, result TEXT,
  is_ok INTEGER, PRIMARY KEY (batch_id, number)) WITHOUT ROWID;
"""
_SCHEMA: Final = (
    """
CREATE TABLE settings (name TEXT PRIMARY KEY, value TEXT NOT NULL) WITHOUT ROWID;
CREATE TABLE tasks (
  sequence INTEGER PRIMARY KEY AUTOINCREMENT, task_id TEXT NOT NULL UNIQUE, request_id TEXT NOT NULL,
  account TEXT NOT NULL, model TEXT NOT NULL, body TEXT NOT NULL, outcome TEXT NOT NULL, status TEXT NOT NULL,
  submitted_ms INTEGER NOT NULL, ready_ms INTEGER NOT NULL, scheduled_ms INTEGER, ends_ms INTEGER);
CREATE INDEX tasks_account ON tasks (account, submitted_ms);
CREATE INDEX tasks_ends ON tasks (ends_ms, sequence);
CREATE INDEX tasks_open ON tasks (sequence) WHERE status IN ('PENDING', 'RUNNING');
CREATE TABLE ledger (
  task_id TEXT PRIMARY KEY, account TEXT NOT NULL, model TEXT NOT NULL, request_id TEXT NOT NULL,
  prompt_sha256 TEXT NOT NULL, billed_seconds TEXT NOT NULL, amount TEXT, currency TEXT, settled_ms INTEGER NOT NULL);
CREATE TABLE media (sha256 TEXT PRIMARY KEY, content BLOB NOT NULL);
CREATE TABLE uploads (
  key TEXT PRIMARY KEY, account TEXT NOT NULL, model TEXT NOT NULL, content BLOB NOT NULL, expires_ms INTEGER NOT NULL);
CREATE TABLE faults (fault_id INTEGER PRIMARY KEY AUTOINCREMENT, specification TEXT NOT NULL, taken INTEGER NOT NULL);
CREATE TABLE requests (
  number INTEGER PRIMARY KEY AUTOINCREMENT, at_ms INTEGER NOT NULL, operation TEXT NOT NULL, method TEXT NOT NULL,
  path TEXT NOT NULL, account TEXT NOT NULL, model TEXT NOT NULL, task_id TEXT NOT NULL, request_id TEXT NOT NULL,
  status INTEGER NOT NULL, fault TEXT NOT NULL);
"""
    + _TEXT_LEDGER
    + _BATCHES
)
_UPGRADES: Final = {1: _TEXT_LEDGER + _BATCHES, 2: _BATCHES}
"""What a database of an older version lacks."""
TABLES: Final = (
    "tasks",
    "ledger",
    "text_ledger",
    "files",
    "batches",
    "batch_lines",
    "media",
    "uploads",
    "faults",
    "requests",
)
"""What a reset empties; settings stay."""


def open_database(folder: Path | None) -> sqlite3.Connection:
    """The database in *folder*, made when missing; in memory when *folder* is ``None``.

    Raises:
        StartError: Another simulator has it, or another version wrote it.
    """
    place = ":memory:" if folder is None else str(folder / "simulator.sqlite3")
    # isolation_level None: transactions are begun by `transaction` and nowhere else.
    database = sqlite3.connect(place, isolation_level=None, timeout=0.5, check_same_thread=False)
    database.row_factory = sqlite3.Row
    try:
        # One process owns the file for as long as it lives; the lock goes with the process, however it ends.
        database.execute("PRAGMA locking_mode = EXCLUSIVE")
        database.execute("PRAGMA journal_mode = WAL")
        database.execute("PRAGMA synchronous = NORMAL")
        _make_tables(database, place)
    except sqlite3.OperationalError as error:
        raise StartError(
            f"state folder {folder}: {error}. Is another simulator using it? Stop that one or give another --state."
        ) from error
    return database


def _make_tables(database: sqlite3.Connection, place: str) -> None:
    version = database.execute("PRAGMA user_version").fetchone()[0]
    missing = _SCHEMA if version == 0 else _UPGRADES.get(version)
    if missing is not None:
        database.executescript(f"BEGIN IMMEDIATE; {missing} PRAGMA user_version = {SCHEMA_VERSION}; COMMIT;")
    elif version != SCHEMA_VERSION:
        raise StartError(
            f"{place} has schema {version} and this simulator needs {SCHEMA_VERSION}. "
            "Remove the folder to start afresh, or give another --state."
        )


@contextmanager
def transaction(database: sqlite3.Connection) -> Iterator[None]:
    """Commit everything inside as one, or nothing."""
    database.execute("BEGIN IMMEDIATE")
    try:
        yield
    except BaseException:
        database.execute("ROLLBACK")
        raise
    database.execute("COMMIT")
