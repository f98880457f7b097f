"""Files that an account keeps with the service."""

from __future__ import annotations

from typing import Final

from simulator.core.provider import Provider
from simulator.errors import WireError
from simulator.store.batches import StoredFile
from simulator.texts.checks import invalid

_BYTES_MAX: Final = 500 * 1024 * 1024
_PURPOSES: Final = frozenset({"batch", "file-extract"})


class Files:
    """Keeps, shows and forgets files.

    Args:
        provider: Its store and clock are used.
    """

    def __init__(self, provider: Provider) -> None:
        self._provider = provider
        self._table = provider.store.files

    def put(self, account: str, filename: str, purpose: str, content: bytes) -> StoredFile:
        """Keep a file.

        Raises:
            WireError: Refused; nothing was kept.
        """
        if purpose not in _PURPOSES:
            raise invalid(f"Invalid value: it must be one of {', '.join(sorted(_PURPOSES))} - 'purpose'")
        if not content or len(content) > _BYTES_MAX:
            raise invalid("The size of the file must be between 1 byte and 500 MB - 'file'")
        file_id = f"file-{purpose}-{self._provider.new_id()}"
        file = StoredFile(file_id, account, filename, purpose, len(content), self._provider.clock.now_ms())
        self._table.insert(file, content)
        return file

    def get(self, account: str, file_id: str) -> StoredFile:
        """A file.

        Raises:
            WireError: The account has none with this id.
        """
        file = self._table.get(account, file_id)
        if file is None:
            raise WireError(404, "invalid_request_error", f"No such File object: {file_id}")
        return file

    def content(self, account: str, file_id: str) -> bytes | None:
        """What is in a file; ``None`` if there is no such file."""
        return None if self._table.get(account, file_id) is None else self._table.content(file_id)

    def delete(self, account: str, file_id: str) -> None:
        """Forget a file.

        Raises:
            WireError: The account has none with this id.
        """
        self._table.delete(self.get(account, file_id).file_id)

    def page(self, account: str, purpose: str, after: str, limit: int) -> list[StoredFile]:
        """The newest files behind the one with the id *after*."""
        return self._table.page(account, purpose, after=after, limit=limit)
