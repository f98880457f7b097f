"""Lines that are only ever added, by day: durable in a folder, or one object each in a bucket.

Unlike the archive's files they are many, tiny and written in the middle of a step, so a folder's take one flush and no
rename, and a bucket's are keys of empty objects, which a listing returns a thousand at a time.
"""

from __future__ import annotations

import base64
import contextlib
import os
import secrets
import shutil
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import date
from pathlib import Path
from tempfile import NamedTemporaryFile
from typing import TYPE_CHECKING, Final, Protocol

from models.storage.errors import file_system_error, object_store_error

if TYPE_CHECKING:
    from obstore.store import ObjectStore

_REMOVED_AT_ONCE: Final = 1000
_SEGMENT_CHARACTERS: Final = 200
"""Of a key between two slashes: stores that keep objects as files take 255."""
_CHECK_KEY: Final = ".reelqueue-doctor"


class LineLog(Protocol):
    """Lines by day, in no order; each is there whole, or not at all."""

    @property
    def place(self) -> str:
        """Where it is, for people; it holds no credentials."""

    def append(self, day: date, line: str, *, is_durable: bool = True) -> None:
        """Add a line.

        Args:
            day: Under which it is kept.
            line: Without a line break; below 700 characters, as it may become a key of 1,024 bytes.
            is_durable: Whether a crash of the host must not lose it once this has returned.

        Raises:
            StorageError: It may not be there.
        """

    def read(self, since: date) -> Iterator[str]:
        """The lines of a day and of later ones.

        Raises:
            StorageError: Some cannot be read.
        """

    def remove_before(self, day: date) -> None:
        """Remove the lines of earlier days.

        Raises:
            StorageError: Some are left.
        """

    def check(self) -> str:
        """Write, and say what was seen.

        Raises:
            StorageError: It does not work.
        """


class FolderLog:
    """A folder a day, in it a file for each process that wrote; threads of a process share theirs."""

    def __init__(self, root: Path) -> None:
        self._root = root
        self._lock = threading.Lock()
        self._open: tuple[date, Path, int] | None = None

    @property
    def place(self) -> str:
        """The folder."""
        return str(self._root)

    def append(self, day: date, line: str, *, is_durable: bool = True) -> None:
        """Add a line; see :class:`LineLog`."""
        with self._explained(), self._lock:
            file = self._file_of(day)
            try:
                _write(file, f"{line}\n".encode())
                if is_durable:
                    os.fdatasync(file)
            except OSError:
                self._close()  # part of a line may be there: the next one begins another file
                raise

    def read(self, since: date) -> Iterator[str]:
        """The lines; one that its writer could not finish is left out."""
        with self._explained():
            for _, folder in self._days(since):
                for path in sorted(folder.glob("*.jsonl")):
                    *whole, _ = path.read_text(encoding="utf-8", errors="replace").split("\n")
                    yield from whole

    def remove_before(self, day: date) -> None:
        """Remove the folders of earlier days."""
        with self._explained():
            for its_day, folder in self._days(date.min):
                if its_day < day:
                    shutil.rmtree(folder)

    def check(self) -> str:
        """Write a file, and say where."""
        with self._explained():
            self._root.mkdir(parents=True, exist_ok=True)
            with NamedTemporaryFile(dir=self._root, prefix=".doctor-"):
                return f"{self.place} is writable"

    def _file_of(self, day: date) -> int:
        if self._open is not None and (self._open[0] != day or not _is_at(*self._open[1:])):
            self._close()
        if self._open is None:
            self._open = day, *_new_file(self._root / day.isoformat())
        return self._open[2]

    def _close(self) -> None:
        if self._open is not None:
            *_, file = self._open
            self._open = None
            with contextlib.suppress(OSError):
                os.close(file)

    def _days(self, since: date) -> Iterator[tuple[date, Path]]:
        for folder in sorted(self._root.glob("????-??-??")):
            with contextlib.suppress(ValueError):
                if (day := date.fromisoformat(folder.name)) >= since:
                    yield day, folder

    @contextmanager
    def _explained(self) -> Iterator[None]:
        try:
            yield
        except OSError as error:
            raise file_system_error(error, self.place) from error


def _is_at(path: Path, file: int) -> bool:
    """Whether an open file is still what its path names: else what is added to it is read by no one."""
    try:
        return os.path.samestat(path.stat(), os.fstat(file))
    except FileNotFoundError:
        return False


def _new_file(folder: Path) -> tuple[Path, int]:
    """A new file whose name outlives a crash of the host, and its path."""
    new_folders = [one for one in (folder, *folder.parents) if not one.exists()]
    folder.mkdir(parents=True, exist_ok=True)
    flags = os.O_WRONLY | os.O_APPEND | os.O_CREAT | os.O_EXCL
    path = folder / f"{secrets.token_hex(8)}.jsonl"
    file = os.open(path, flags, 0o600)
    for one in (folder, *(new.parent for new in new_folders)):
        _flush(one)
    return path, file


def _flush(folder: Path) -> None:
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def _write(file: int, content: bytes) -> None:
    while content:
        content = content[os.write(file, content) :]


class BucketLog:
    """Keys below a prefix: the day, and the line itself; the objects are empty."""

    def __init__(self, place: str, store: ObjectStore) -> None:
        """Use a store.

        Args:
            place: Its URL.
            store: The bucket, below the prefix.
        """
        self._place = place
        self._store = store

    @property
    def place(self) -> str:
        """The bucket's URL."""
        return self._place

    def append(self, day: date, line: str, *, is_durable: bool = True) -> None:  # noqa: ARG002 - it always is
        """Put a line; see :class:`LineLog`."""
        self._put(f"{day.isoformat()}/{_in_segments(base64.urlsafe_b64encode(line.encode()).decode())}")

    def read(self, since: date) -> Iterator[str]:
        """The lines, from listings."""
        for day in self._days():
            if day >= since:
                for key in self._keys(day):
                    yield _line_of(key, day)

    def remove_before(self, day: date) -> None:
        """Remove the objects of earlier days."""
        import obstore

        for its_day in self._days():
            if its_day < day:
                keys = list(self._keys(its_day))
                with self._explained():
                    for start in range(0, len(keys), _REMOVED_AT_ONCE):
                        obstore.delete(self._store, keys[start : start + _REMOVED_AT_ONCE])

    def check(self) -> str:
        """Put an object, and list."""
        self._put(_CHECK_KEY)
        self._days()
        return f"{self.place} takes and lists keys"

    def _put(self, key: str) -> None:
        import obstore

        with self._explained():
            obstore.put(self._store, key, b"")

    def _days(self) -> list[date]:
        import obstore

        with self._explained():
            found = obstore.list_with_delimiter(self._store)["common_prefixes"]
        days = list[date]()
        for prefix in found:
            with contextlib.suppress(ValueError):
                days.append(date.fromisoformat(prefix.rstrip("/").rpartition("/")[2]))
        return days

    def _keys(self, day: date) -> Iterator[str]:
        import obstore

        with self._explained():
            for page in obstore.list(self._store, prefix=day.isoformat(), chunk_size=_REMOVED_AT_ONCE):
                yield from (one["path"] for one in page)

    @contextmanager
    def _explained(self) -> Iterator[None]:
        from obstore.exceptions import BaseError

        try:
            yield
        except (BaseError, FileNotFoundError) as error:
            raise object_store_error(error, self.place) from None


def _in_segments(name: str) -> str:
    return "/".join(name[start : start + _SEGMENT_CHARACTERS] for start in range(0, len(name), _SEGMENT_CHARACTERS))


def _line_of(key: str, day: date) -> str:
    """The line that a key holds; of a key that this log has not made, the key."""
    name = key.partition(f"{day.isoformat()}/")[2].replace("/", "")
    try:
        return base64.urlsafe_b64decode(name).decode()
    except ValueError:
        return key
