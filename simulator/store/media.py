"""Bytes that callers handed over: data URIs and temporary uploads."""

from __future__ import annotations

import hashlib
import sqlite3
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Upload:
    """A file behind an ``oss://`` link."""

    key: str
    account: str
    model: str
    """The link works only in requests for this model."""
    content: bytes
    expires_ms: int


class MediaTable:
    """Data URIs by checksum, uploads by key."""

    def __init__(self, database: sqlite3.Connection) -> None:
        self._database = database

    def keep(self, content: bytes) -> str:
        """Store *content* once and return its hex SHA-256."""
        digest = hashlib.sha256(content).hexdigest()
        self._database.execute("INSERT OR IGNORE INTO media VALUES (?, ?)", (digest, content))
        return digest

    def get(self, digest: str) -> bytes | None:
        """What was kept under *digest*."""
        row = self._database.execute("SELECT content FROM media WHERE sha256 = ?", (digest,)).fetchone()
        return None if row is None else bytes(row["content"])

    def put_upload(self, upload: Upload) -> bool:
        """Store an upload; False when its key is taken, because uploads never overwrite."""
        cursor = self._database.execute(
            "INSERT OR IGNORE INTO uploads VALUES (?, ?, ?, ?, ?)",
            (upload.key, upload.account, upload.model, upload.content, upload.expires_ms),
        )
        return cursor.rowcount == 1

    def upload(self, key: str) -> Upload | None:
        """The upload, expired or not."""
        row = self._database.execute("SELECT * FROM uploads WHERE key = ?", (key,)).fetchone()
        return None if row is None else Upload(**dict(row))
