"""Where finished files are kept: a local folder, behind the interface that object storage will share."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path, PurePosixPath
from tempfile import NamedTemporaryFile
from urllib.parse import unquote, urlsplit

from reelqueue.errors import ConfigurationError

_INCOMING = ".incoming"


class LocalArchive:
    """A folder of finished files; each appears under its name at once and whole, or not at all."""

    def __init__(self, root: Path) -> None:
        self.root = root

    def path(self, key: str) -> Path:
        """The file with a key such as ``2026/11/23/<job_id>.mp4``.

        Raises:
            ValueError: *key* would leave the archive.
        """
        parts = PurePosixPath(key).parts
        if not parts or PurePosixPath(key).is_absolute() or ".." in parts:
            raise ValueError(f"{key!r} is not a key inside the archive")
        return self.root.joinpath(*parts)

    @contextmanager
    def incoming(self, suffix: str, *, owner: str = "") -> Iterator[Path]:
        """A new empty file in the archive's own file system; removed at the end unless it was kept.

        Args:
            suffix: Of its name.
            owner: Whom it is for, so that :meth:`discard_incoming` finds it if this process is killed.
        """
        folder = self.root / _INCOMING
        folder.mkdir(parents=True, exist_ok=True)
        with NamedTemporaryFile(dir=folder, prefix=f"{owner}.", suffix=suffix, delete=False) as file:
            path = Path(file.name)
        try:
            yield path
        finally:
            path.unlink(missing_ok=True)

    def discard_incoming(self, owner: str) -> None:
        """Remove what killed processes left behind for an owner."""
        for path in self.root.joinpath(_INCOMING).glob(f"{owner}.*"):
            path.unlink(missing_ok=True)

    def keep(self, incoming: Path, key: str) -> None:
        """Make an incoming file durable under its key; the same key again replaces the file."""
        target = self.path(key)
        new_folders = [folder for folder in (target.parent, *target.parent.parents) if not folder.exists()]
        target.parent.mkdir(parents=True, exist_ok=True)
        _flush(incoming)
        incoming.chmod(0o644)
        incoming.replace(target)
        for folder in (target.parent, *(new.parent for new in new_folders)):
            _flush(folder)


def open_archive(url: str) -> LocalArchive:
    """The archive at a URL.

    Args:
        url: ``file:///folder``, or ``file:folder`` relative to the working directory.

    Raises:
        ConfigurationError: The URL has another scheme.
    """
    parts = urlsplit(url)
    if parts.scheme != "file" or parts.netloc or not parts.path:
        raise ConfigurationError(
            f"REELQUEUE_ARCHIVE_URL is {url!r}, and files are kept in local folders only; set it to file:///some/folder"
        )
    return LocalArchive(Path(unquote(parts.path)).absolute())


def _flush(path: Path) -> None:
    """Wait until a file or folder is on the disk, so that no row ever names a file that a crash took."""
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
