"""Files that accounts keep with the service, batches, and the lines of batches."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterable
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class StoredFile:
    """A file without its content."""

    file_id: str
    account: str
    filename: str
    purpose: str
    size_bytes: int
    created_ms: int


@dataclass(frozen=True, slots=True)
class Batch:
    """A batch, its moments planned when it was made."""

    batch_id: str
    account: str
    input_file_id: str
    endpoint: str
    completion_window: str
    metadata: str
    """JSON object."""
    status: str
    created_ms: int
    starts_ms: int
    """End of validation."""
    works_until_ms: int
    """When the last line is done."""
    ends_ms: int
    """When the files are written."""
    expires_ms: int
    cancelling_ms: int | None = None
    closed_ms: int | None = None
    """When it reached a status that stays."""
    errors: str | None = None
    """JSON list: why validation failed."""
    output_file_id: str | None = None
    error_file_id: str | None = None
    sequence: int = 0


@dataclass(frozen=True, slots=True)
class Line:
    """One request of a batch."""

    number: int
    custom_id: str
    request: str
    """JSON object as it stood in the file."""
    result: str | None
    """JSON object as it will stand in a file; ``None`` until the line was done."""
    is_ok: bool | None


@dataclass(frozen=True, slots=True)
class BatchFilter:
    """Which batches of one account to list, newest first; unset parts match all."""

    account: str
    created_ms_min: int
    created_ms_max: int
    ds_name_contains: str = ""
    statuses: tuple[str, ...] = ()
    input_file_ids: tuple[str, ...] = ()
    before_sequence: int | None = None


class FileTable:
    """Files of all accounts."""

    def __init__(self, database: sqlite3.Connection) -> None:
        self._database = database

    def insert(self, file: StoredFile, content: bytes) -> None:
        """Keep a file."""
        self._database.execute(
            "INSERT INTO files (file_id, account, filename, purpose, content, created_ms) VALUES (?, ?, ?, ?, ?, ?)",
            (file.file_id, file.account, file.filename, file.purpose, content, file.created_ms),
        )

    def get(self, account: str, file_id: str) -> StoredFile | None:
        """A file of this account."""
        found = self._select("account = ? AND file_id = ?", (account, file_id), 1)
        return found[0] if found else None

    def content(self, file_id: str) -> bytes:
        """What is in it."""
        row = self._database.execute("SELECT content FROM files WHERE file_id = ?", (file_id,)).fetchone()
        return bytes(row["content"])

    def delete(self, file_id: str) -> None:
        """Forget it."""
        self._database.execute("DELETE FROM files WHERE file_id = ?", (file_id,))

    def page(self, account: str, purpose: str, *, after: str, limit: int) -> list[StoredFile]:
        """Files of this account, newest first, behind the one with the id *after*."""
        row = self._database.execute("SELECT rowid FROM files WHERE file_id = ?", (after,)).fetchone()
        below = row["rowid"] if row else None
        where = "account = ?1 AND (?2 = '' OR purpose = ?2) AND (?3 IS NULL OR rowid < ?3)"
        return self._select(where, (account, purpose, below), limit)

    def _select(self, where: str, values: tuple[object, ...], limit: int) -> list[StoredFile]:
        rows = self._database.execute(
            "SELECT file_id, account, filename, purpose, length(content) AS size_bytes, created_ms"  # noqa: S608 - fixed
            f" FROM files WHERE {where} ORDER BY rowid DESC LIMIT {limit:d}",
            values,
        )
        return [StoredFile(**dict(row)) for row in rows]


class BatchTable:
    """Batches and their lines."""

    def __init__(self, database: sqlite3.Connection) -> None:
        self._database = database

    def save(self, batch: Batch) -> None:
        """Add a batch, or write it as it is now."""
        names = [name for name in Batch.__slots__ if name != "sequence"]
        changes = ", ".join(f"{name} = excluded.{name}" for name in names)
        self._database.execute(
            f"INSERT INTO batches ({', '.join(names)}) VALUES ({', '.join(f':{name}' for name in names)})"  # noqa: S608
            f" ON CONFLICT (batch_id) DO UPDATE SET {changes}",
            {name: getattr(batch, name) for name in names},
        )

    def get(self, account: str, batch_id: str) -> Batch | None:
        """A batch of this account."""
        rows = self._database.execute("SELECT * FROM batches WHERE account = ? AND batch_id = ?", (account, batch_id))
        return next((Batch(**dict(row)) for row in rows), None)

    def unfinished(self) -> list[Batch]:
        """Those that are not closed, oldest first."""
        rows = self._database.execute("SELECT * FROM batches WHERE closed_ms IS NULL ORDER BY sequence")
        return [Batch(**dict(row)) for row in rows]

    def names(self) -> list[str]:
        """The names that all batches of all accounts were given, oldest first."""
        rows = self._database.execute("SELECT metadata ->> 'ds_name' AS name FROM batches ORDER BY sequence")
        return [str(row["name"] or "") for row in rows]

    def page(self, which: BatchFilter, limit: int) -> list[Batch]:
        """The newest *limit* batches that the filter selects."""
        rows = self._database.execute(
            "SELECT * FROM batches WHERE account = ?1 AND created_ms BETWEEN ?2 AND ?3"
            " AND (?4 IS NULL OR sequence < ?4) AND (?5 = '' OR instr(metadata ->> 'ds_name', ?5) > 0)"
            " ORDER BY sequence DESC",
            (which.account, which.created_ms_min, which.created_ms_max, which.before_sequence, which.ds_name_contains),
        )
        found: list[Batch] = []
        for row in rows:
            batch = Batch(**dict(row))
            if which.statuses and batch.status not in which.statuses:
                continue
            if which.input_file_ids and batch.input_file_id not in which.input_file_ids:
                continue
            found.append(batch)
            if len(found) == limit:
                break
        return found

    def add_lines(self, batch_id: str, lines: Iterable[Line]) -> None:
        """Keep the requests of a batch that passed validation."""
        self._database.executemany(
            "INSERT INTO batch_lines (batch_id, number, custom_id, request) VALUES (?, ?, ?, ?)",
            ((batch_id, line.number, line.custom_id, line.request) for line in lines),
        )

    def lines(self, batch_id: str) -> list[Line]:
        """All lines, in the order of the file."""
        rows = self._database.execute(
            "SELECT number, custom_id, request, result, is_ok FROM batch_lines WHERE batch_id = ? ORDER BY number",
            (batch_id,),
        )
        return [Line(**dict(row)) for row in rows]

    def waiting(self, batch_id: str, below: int) -> list[Line]:
        """Lines with a number under *below* that are not done."""
        rows = self._database.execute(
            "SELECT number, custom_id, request, result, is_ok FROM batch_lines"
            " WHERE batch_id = ? AND number < ? AND result IS NULL ORDER BY number",
            (batch_id, below),
        )
        return [Line(**dict(row)) for row in rows]

    def finish_line(self, batch_id: str, number: int, result: str, *, is_ok: bool) -> None:
        """Keep what became of a line."""
        self._database.execute(
            "UPDATE batch_lines SET result = ?, is_ok = ? WHERE batch_id = ? AND number = ?",
            (result, is_ok, batch_id, number),
        )

    def counts(self, batch_id: str) -> tuple[int, int, int]:
        """How many lines there are, how many were answered, and how many failed."""
        row = self._database.execute(
            "SELECT count(*), count(*) FILTER (WHERE is_ok), count(*) FILTER (WHERE NOT is_ok)"
            " FROM batch_lines WHERE batch_id = ?",
            (batch_id,),
        ).fetchone()
        return row[0], row[1], row[2]
