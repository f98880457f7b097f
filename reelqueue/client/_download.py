"""Atomic download: a file appears under its name only when it is complete and verified."""

from __future__ import annotations

import hashlib
import os
import time
from pathlib import Path
from types import TracebackType
from typing import Self
from uuid import uuid4

from reelqueue.errors import UnavailableError


class PartialFile:
    """A download in progress, beside its destination so that the final rename is atomic.

    Leaving the ``with`` block removes whatever was not committed.
    """

    def __init__(self, destination: Path, *, give_up_at: float) -> None:
        self._destination = destination
        self._part = destination.with_name(f".{destination.name[:100]}.{uuid4().hex}.part")
        self._give_up_at = give_up_at
        self._digest = hashlib.sha256()
        self._size_bytes = 0

    def __enter__(self) -> Self:
        self._file = self._part.open("xb")
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self._file.close()
        self._part.unlink(missing_ok=True)

    def restart(self) -> None:
        """Forget what was written."""
        self._file.seek(0)
        self._file.truncate()
        self._digest = hashlib.sha256()
        self._size_bytes = 0

    def write(self, chunk: bytes, /) -> None:
        """Append *chunk*.

        Raises:
            UnavailableError: the download's time is over.
        """
        if time.monotonic() > self._give_up_at:
            raise UnavailableError(
                f"{self._destination}: the download was not finished in time, after {self._size_bytes} bytes; "
                "nothing was kept, try again with a longer timeout_seconds"
            )
        self._file.write(chunk)
        self._digest.update(chunk)
        self._size_bytes += len(chunk)

    def commit(self, *, sha256: str) -> Path:
        """Give the file its name, durably, if its content is what was promised.

        Raises:
            UnavailableError: other bytes arrived.
        """
        seen = self._digest.hexdigest()
        if seen != sha256:
            raise UnavailableError(
                f"{self._destination}: {self._size_bytes} bytes arrived with SHA-256 {seen} instead of {sha256}; "
                "nothing was kept, download again"
            )
        self._file.flush()
        os.fsync(self._file.fileno())
        self._part.replace(self._destination)
        return self._destination
