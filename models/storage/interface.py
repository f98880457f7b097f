"""What the workers and the API ask of the place where finished files are kept."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager
from pathlib import Path, PurePosixPath
from typing import Protocol


def no_renewal() -> None:
    """For callers that are never presumed dead."""


class Archive(Protocol):
    """Finished files by key; each appears under its key at once and whole, or not at all."""

    @property
    def place(self) -> str:
        """Where it is, for people; it holds no credentials."""

    def incoming(self, suffix: str, *, owner: str = "") -> AbstractContextManager[Path]:
        """A new empty file on this host; removed at the end unless it was kept.

        Args:
            suffix: Of its name.
            owner: Whom it is for, so that :meth:`discard_incoming` finds it if this process is killed.

        Raises:
            OSError: This host has no room for it; see :func:`models.storage.file_system_error`.
        """

    def discard_incoming(self, owner: str) -> None:
        """Remove what killed processes left behind on this host for an owner."""

    def keep(self, incoming: Path, key: str, *, sha256: str, renew: Callable[[], None] = no_renewal) -> None:
        """Make an incoming file durable under its key; the same key again replaces the file.

        Args:
            incoming: The file.
            key: Its place, with ``/`` between folders.
            sha256: Hex; what is kept was read back and has it.
            renew: Called every few seconds, to show that the work is alive.

        Raises:
            StorageError: It is not kept.
        """

    def open(self, key: str, *, begin: int = 0, end: int | None = None) -> Iterator[bytes]:
        """A file's bytes, piece by piece; the file is open before the first is asked for.

        Args:
            key: Its place.
            begin: The first byte.
            end: The byte after the last; its end, if None.

        Raises:
            FileNotFoundError: There is no file under the key.
            StorageError: The archive did not give it, now or later.
        """

    def remove(self, key: str) -> None:
        """Remove a file; one that is not there is removed already.

        Raises:
            StorageError: The archive did not do it.
        """

    def check(self) -> str:
        """Write and read, and say what was seen.

        Raises:
            StorageError: It does not work.
        """


def checked_key(key: str) -> str:
    """*key*, such as ``2026/11/23/<job_id>.mp4``, in its plainest form.

    Raises:
        ValueError: It would leave the archive.
    """
    path = PurePosixPath(key)
    if not path.parts or path.is_absolute() or ".." in path.parts:
        raise ValueError(f"{key!r} is not a key inside the archive")
    return str(path)
