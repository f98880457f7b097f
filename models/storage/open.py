"""The archive that ``REELQUEUE_ARCHIVE_URL`` names, and the log of lines beside it."""

from __future__ import annotations

import os
import tempfile
from datetime import timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Final
from urllib.parse import SplitResult, unquote, urlsplit

from models.storage.errors import object_store_error
from models.storage.folder import LocalArchive
from models.storage.interface import Archive
from models.storage.line_log import BucketLog, FolderLog, LineLog
from reelqueue.errors import ConfigurationError

if TYPE_CHECKING:
    from obstore.store import ClientConfig, ObjectStore, RetryConfig

_BUCKETS: Final = ("s3", "gs", "az")
_RETRIES: Final = 2
"""Of one request, within seconds; the archive's own tries go on for hours."""
TIMEOUT_SECONDS: Final = 60


def open_archive(url: str, *, scratch: Path | None = None, timeout_seconds: float = TIMEOUT_SECONDS) -> Archive:
    """The archive at a URL.

    Args:
        url: ``file:///folder``, ``file:folder`` relative to the working directory, or ``s3://bucket/prefix``,
            ``gs://bucket/prefix``, ``az://container/prefix``.
        scratch: Folder of this host for files on their way to a bucket; one of the system's, if None.
        timeout_seconds: For a bucket to take one part, or to send the next bytes.

    Raises:
        ConfigurationError: The URL has another scheme or holds what it must not.
    """
    folder = _folder_of(url, "REELQUEUE_ARCHIVE_URL")
    return LocalArchive(folder) if folder else _open_bucket(url.rstrip("/"), scratch, timeout_seconds)


def open_line_log(url: str, *, timeout_seconds: float) -> LineLog:
    """The log of lines at a URL.

    Args:
        url: Of a folder or of a place in a bucket, as of an archive.
        timeout_seconds: For a bucket to answer.

    Raises:
        ConfigurationError: The URL has another scheme or holds what it must not.
    """
    variable = "REELQUEUE_JOURNAL_URL"
    folder, place = _folder_of(url, variable), url.rstrip("/")
    return FolderLog(folder) if folder else BucketLog(place, _store(place, timeout_seconds, variable))


def _folder_of(url: str, variable: str) -> Path | None:
    """The folder that a URL names; None: it names a bucket."""
    parts = urlsplit(url)
    if parts.query or parts.fragment or "@" in parts.netloc:
        raise ConfigurationError(f"{variable} holds more than a place; give credentials in the cloud's own variables")
    if parts.scheme in _BUCKETS and parts.netloc:
        return None
    if parts.scheme != "file" or parts.netloc or not parts.path:
        raise _unknown(url, parts, variable)
    return Path(unquote(parts.path)).absolute()


def _unknown(url: str, parts: SplitResult, variable: str) -> ConfigurationError:
    seen = f"{parts.scheme}://…" if parts.scheme in {"http", "https"} else repr(url)
    return ConfigurationError(
        f"{variable} is {seen}; set it to file:///some/folder, or to s3://BUCKET/PREFIX, "
        "gs://BUCKET/PREFIX or az://CONTAINER/PREFIX"
    )


def _open_bucket(url: str, scratch: Path | None, timeout_seconds: float) -> Archive:
    # A library of 15 MB that an archive in a folder does not need.
    from models.storage.bucket import ObjectArchive

    return ObjectArchive(url, _store(url, timeout_seconds, "REELQUEUE_ARCHIVE_URL"), scratch or _system_scratch())


def _store(url: str, timeout_seconds: float, variable: str) -> ObjectStore:
    from obstore.exceptions import BaseError
    from obstore.store import from_url

    timeout = timedelta(seconds=timeout_seconds)
    client: ClientConfig = {
        "connect_timeout": timedelta(seconds=5),
        # Between bytes. One for the whole request would cut off who watches a clip slowly.
        "read_timeout": timeout,
        "timeout": timedelta(hours=6),
        # Only an endpoint that the operator has written as http:// is asked without TLS.
        "allow_http": True,
    }
    retries: RetryConfig = {"max_retries": _RETRIES, "retry_timeout": timeout}
    try:
        return from_url(url, client_options=client, retry_config=retries)
    except (BaseError, ValueError) as error:
        raise ConfigurationError(f"{variable} cannot be used: {object_store_error(error, url)}") from None


def _system_scratch() -> Path:
    """A folder of this user's own among the system's temporary ones.

    Raises:
        ConfigurationError: It belongs to another user of this machine.
    """
    folder = Path(tempfile.gettempdir()) / f"reelqueue-{os.getuid()}"
    folder.mkdir(mode=0o700, exist_ok=True)
    if folder.stat().st_uid != os.getuid():
        raise ConfigurationError(f"{folder} belongs to another user; set REELQUEUE_STORAGE_SCRATCH_PATH")
    return folder
