"""Where finished files are kept: a folder, or a bucket of S3, Google Cloud Storage or Azure, behind one interface."""

from models.storage.errors import StorageError, StorageRefusedError, StorageUnavailableError, file_system_error
from models.storage.folder import LocalArchive
from models.storage.interface import Archive, checked_key
from models.storage.line_log import LineLog
from models.storage.open import TIMEOUT_SECONDS, open_archive, open_line_log

__all__ = [
    "TIMEOUT_SECONDS",
    "Archive",
    "LineLog",
    "LocalArchive",
    "StorageError",
    "StorageRefusedError",
    "StorageUnavailableError",
    "checked_key",
    "file_system_error",
    "open_archive",
    "open_line_log",
]
