"""What may go wrong with an archive: by whether time heals it or a person has to.

``StorageError``
├── ``StorageRefusedError``      a person mends it: rights, name, region, space
└── ``StorageUnavailableError``  it heals by itself: slow, overloaded, cut off
"""

from __future__ import annotations

import errno
import re
from typing import Final

from reelqueue.errors import ReelqueueError


class StorageError(ReelqueueError):
    """The archive did not take or give a file."""


class StorageRefusedError(StorageError):
    """It will not, until a person has mended what the message names."""


class StorageUnavailableError(StorageError):
    """It did not now, and may later."""


_DISK_REMEDIES: Final = {
    errno.ENOSPC: "free space there, or set REELQUEUE_ARCHIVE_URL to another place",
    errno.EDQUOT: "raise this user's quota there, or set REELQUEUE_ARCHIVE_URL to another place",
    errno.EFBIG: "raise the limit of file sizes that this process was started with",
    errno.EROFS: "mount it writable",
    errno.EACCES: "let this user write there",
    errno.EPERM: "let this user write there",
    errno.ENOTDIR: "make it a folder",
    errno.ENOENT: "make the folder, or mount what should be there",
}

_STATUS: Final = re.compile(r"status code: (\d{3})")
_CODE: Final = re.compile(r"<Code>(\w{1,64})</Code>|\"code\": ?\"(\w{1,64})\"", re.IGNORECASE)
_URL: Final = re.compile(r"https?://\S+")
_METADATA: Final = re.compile(r"169\.254\.169\.254|fd00:ec2::254|metadata\.google|169\.254\.170\.2")
_PASSING_STATUSES: Final = frozenset({408, 429})
_SHOWN_CHARACTERS: Final = 200


def file_system_error(error: OSError, place: str) -> StorageError:
    """What the file system said about the archive, with what to do about it."""
    seen = f"{place}: {error.strerror or error}"
    remedy = _DISK_REMEDIES.get(error.errno or 0)
    return StorageRefusedError(f"{seen}; {remedy}") if remedy else StorageUnavailableError(seen)


def object_store_error(error: Exception, place: str) -> StorageError:
    """What an object store said, without what it echoes: keys' ids, signed URLs, account names.

    Args:
        error: Of obstore, whose text ends with the whole answer.
        place: The archive's URL.
    """
    text = str(error).partition("\n\nDebug source")[0]
    if _METADATA.search(text):
        return StorageRefusedError(
            f"{place}: no credentials; set the cloud's usual variables for the workers and the API (docs/archive.md)"
        )
    status, code = _STATUS.search(text), _CODE.search(text)
    if status is None:
        return _unanswered(text, place)
    word = next((group for group in code.groups() if group), "") if code else ""
    seen = f"{place}: HTTP {status[1]} {word}".rstrip()
    if int(status[1]) >= 500 or int(status[1]) in _PASSING_STATUSES:
        return StorageUnavailableError(seen)
    return StorageRefusedError(f"{seen}; check the bucket's name, its region, and what the key may do")


def _unanswered(text: str, place: str) -> StorageError:
    """Of an error that names no status: the connection, the region or the configuration."""
    said = _URL.sub("its endpoint", text.partition("\n")[0].rpartition(" - ")[2])[:_SHOWN_CHARACTERS]
    if "redirect" in said or "builder error" in said:
        return StorageRefusedError(f"{place}: {said}; check its region and endpoint")
    return StorageUnavailableError(f"{place}: {said}")
