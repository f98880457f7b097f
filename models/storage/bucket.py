"""A bucket as an archive: S3, Google Cloud Storage or Azure, through obstore.

An upload appears under its key when its last byte has been acknowledged, and not before; a large one is sent in
parts, which are abandoned when it fails. No store but S3 checks our checksum, so every file is read back.
"""

from __future__ import annotations

import asyncio
import contextlib
import hashlib
import mimetypes
from collections.abc import Awaitable, Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path
from typing import Final

import obstore
from obstore.exceptions import BaseError
from obstore.store import ObjectStore

from models.storage.errors import StorageUnavailableError, object_store_error
from models.storage.interface import checked_key, no_renewal
from models.storage.scratch_files import IncomingFolder

_PART_BYTES: Final = 5 * 1024**2
"""The smallest that S3 allows, so that a slow uplink gets a part through before its time limit."""
_PARTS_AT_ONCE: Final = 2
_PIECE_BYTES: Final = 256 * 1024
_BEAT_SECONDS: Final = 0.5
_CHECK_KEY: Final = ".reelqueue-doctor"


class ObjectArchive:
    """A bucket's keys below a prefix."""

    def __init__(self, place: str, store: ObjectStore, scratch: Path) -> None:
        """Use a store.

        Args:
            place: Its URL.
            store: The bucket, below the prefix.
            scratch: Folder of this host for files on their way; a prober needs a real file.
        """
        self._place = place
        self._store = store
        self._incoming = IncomingFolder(scratch)

    @property
    def place(self) -> str:
        """The bucket's URL."""
        return self._place

    def incoming(self, suffix: str, *, owner: str = "") -> AbstractContextManager[Path]:
        """A new empty file in the scratch folder."""
        return self._incoming.file(suffix, owner)

    def discard_incoming(self, owner: str) -> None:
        """Remove what killed processes left behind on this host for an owner."""
        self._incoming.discard(owner)

    def keep(self, incoming: Path, key: str, *, sha256: str, renew: Callable[[], None] = no_renewal) -> None:
        """Upload an incoming file and read it back; see :class:`models.storage.Archive`."""
        name = checked_key(key)
        with self._explained():
            asyncio.run(_renewing(lambda: self._upload(incoming, name), renew))
        digest = hashlib.sha256()
        for piece in self._read(name, 0, None):
            digest.update(piece)
            renew()
        if digest.hexdigest() != sha256:
            self._forget(name)
            raise StorageUnavailableError(f"{self.place}: what was uploaded as {name} reads back otherwise")

    def open(self, key: str, *, begin: int = 0, end: int | None = None) -> Iterator[bytes]:
        """A file's bytes, piece by piece; see :class:`models.storage.Archive`."""
        return self._read(checked_key(key), begin, end)

    def remove(self, key: str) -> None:
        """Remove a file; see :class:`models.storage.Archive`."""
        name = checked_key(key)
        with contextlib.suppress(FileNotFoundError), self._explained(name):
            obstore.delete(self._store, name)

    def check(self) -> str:
        """Upload a few bytes and read them back."""
        with self._explained():
            obstore.put(self._store, _CHECK_KEY, b"reelqueue")
        found = b"".join(self._read(_CHECK_KEY, 0, None))
        if found != b"reelqueue":
            raise StorageUnavailableError(f"{self.place}: what was just uploaded reads back otherwise")
        return f"{self.place} takes and gives files"

    async def _upload(self, incoming: Path, name: str) -> None:
        content_type = mimetypes.guess_type(name)[0] or "application/octet-stream"
        await obstore.put_async(
            self._store,
            name,
            incoming,
            attributes={"Content-Type": content_type},
            chunk_size=_PART_BYTES,
            max_concurrency=_PARTS_AT_ONCE,
        )

    def _read(self, name: str, begin: int, end: int | None) -> Iterator[bytes]:
        span: obstore.GetOptions = {} if end is None and not begin else {"range": _span(begin, end)}
        with self._explained(name):
            stream = obstore.get(self._store, name, options=span).stream(min_chunk_size=_PIECE_BYTES)
        return self._pieces(stream)

    def _pieces(self, stream: obstore.BytesStream) -> Iterator[bytes]:
        with self._explained():
            for piece in stream:
                yield bytes(piece)

    def _forget(self, name: str) -> None:
        """Take a broken file away; the next try would replace it all the same."""
        with contextlib.suppress(BaseError, OSError):
            obstore.delete(self._store, name)

    @contextmanager
    def _explained(self, wanted: str | None = None) -> Iterator[None]:
        """Turn what obstore raises into errors of ours; obstore's quote whole answers."""
        try:
            yield
        except FileNotFoundError as error:
            if wanted is not None and not _names_bucket(error):
                raise FileNotFoundError(f"there is no {wanted} in {self.place}") from None
            raise object_store_error(error, self.place) from None
        except BaseError as error:
            raise object_store_error(error, self.place) from None


def _span(begin: int, end: int | None) -> tuple[int, int] | obstore.OffsetRange:
    return {"offset": begin} if end is None else (begin, end)


def _names_bucket(error: FileNotFoundError) -> bool:
    """Whether the bucket is missing, and not one key in it."""
    return any(word in str(error) for word in ("NoSuchBucket", "ContainerNotFound", "bucket does not exist"))


async def _renewing(work: Callable[[], Awaitable[None]], renew: Callable[[], None]) -> None:
    """Show that *work* is alive while it goes on; how long it may take is obstore's to bound."""
    task = asyncio.ensure_future(work())
    while not (await asyncio.wait({task}, timeout=_BEAT_SECONDS))[0]:
        renew()
    await task
