"""A local folder as an archive: a file is written beside its place, flushed and renamed.

Not obstore's own local store: it neither flushes a file before its rename nor the folder after it, so a crash of
the host could leave a row that names an empty file.
"""

from __future__ import annotations

import hashlib
import os
import shutil
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path
from tempfile import NamedTemporaryFile
from typing import Final

from models.storage.errors import StorageUnavailableError, file_system_error
from models.storage.interface import checked_key, no_renewal
from models.storage.scratch_files import IncomingFolder

_PIECE_BYTES: Final = 256 * 1024
_LEAST_FREE_BYTES: Final = 2 * 1024**3
"""The largest result that a worker takes, unless it is set otherwise."""


class LocalArchive:
    """A folder of finished files; each appears under its name at once and whole, or not at all."""

    def __init__(self, root: Path) -> None:
        self.root = root
        self._incoming = IncomingFolder(root / ".incoming")

    @property
    def place(self) -> str:
        """The folder."""
        return str(self.root)

    def path(self, key: str) -> Path:
        """The file with a key such as ``2026/11/23/<job_id>.mp4``.

        Raises:
            ValueError: *key* would leave the archive.
        """
        return self.root / checked_key(key)

    def incoming(self, suffix: str, *, owner: str = "") -> AbstractContextManager[Path]:
        """A new empty file in the archive's own file system, so that it can be renamed into place."""
        return self._incoming.file(suffix, owner)

    def discard_incoming(self, owner: str) -> None:
        """Remove what killed processes left behind for an owner."""
        self._incoming.discard(owner)

    def keep(self, incoming: Path, key: str, *, sha256: str, renew: Callable[[], None] = no_renewal) -> None:
        """Make an incoming file durable under its key; see :class:`models.storage.Archive`."""
        target = self.path(key)
        with self._explained():
            if _sha256(incoming) != sha256:
                raise StorageUnavailableError(f"{self.place}: a file that was written for {key} reads back otherwise")
            renew()
            _rename(incoming, target)

    def open(self, key: str, *, begin: int = 0, end: int | None = None) -> Iterator[bytes]:
        """A file's bytes, piece by piece; see :class:`models.storage.Archive`."""
        path = self.path(key)
        if not path.is_file():
            raise FileNotFoundError(f"there is no {key} in {self.place}")
        pieces = self._pieces(path, begin, None if end is None else end - begin)
        next(pieces)  # it is open now, and closed also where the reader stops
        return pieces

    def remove(self, key: str) -> None:
        """Remove a file; see :class:`models.storage.Archive`."""
        with self._explained():
            self.path(key).unlink(missing_ok=True)

    def check(self) -> str:
        """Write a file, and say how much space is left."""
        with self._explained():
            self.root.mkdir(parents=True, exist_ok=True)
            with NamedTemporaryFile(dir=self.root, prefix=".doctor-"):
                free_bytes = shutil.disk_usage(self.root).free
        if free_bytes < _LEAST_FREE_BYTES:
            seen = f"{self.place}: only {free_bytes / 1024**2:,.0f} MiB are free, less than one result may have"
            raise StorageUnavailableError(f"{seen}; free space there, or set REELQUEUE_ARCHIVE_URL to another place")
        return f"{self.root} is writable, {free_bytes / 1024**3:.0f} GiB free"

    def _pieces(self, path: Path, begin: int, left: int | None) -> Iterator[bytes]:
        with self._explained(), path.open("rb") as file:
            file.seek(begin)
            yield b""
            while piece := file.read(_PIECE_BYTES if left is None else min(left, _PIECE_BYTES)):
                left = None if left is None else left - len(piece)
                yield piece

    @contextmanager
    def _explained(self) -> Iterator[None]:
        try:
            yield
        except OSError as error:
            raise file_system_error(error, self.place) from error


def _sha256(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _rename(incoming: Path, target: Path) -> None:
    new_folders = [folder for folder in (target.parent, *target.parent.parents) if not folder.exists()]
    target.parent.mkdir(parents=True, exist_ok=True)
    _flush(incoming)
    incoming.chmod(0o644)
    incoming.replace(target)
    for folder in (target.parent, *(new.parent for new in new_folders)):
        _flush(folder)


def _flush(path: Path) -> None:
    """Wait until a file or folder is on the disk, so that no row ever names a file that a crash took."""
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
