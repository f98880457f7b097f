"""All tables together."""

from __future__ import annotations

from contextlib import AbstractContextManager
from pathlib import Path

from simulator.store.batches import BatchTable, FileTable
from simulator.store.database import TABLES, open_database, transaction
from simulator.store.faults import FaultTable
from simulator.store.ledger import LedgerTable
from simulator.store.media import MediaTable
from simulator.store.requests import RequestTable
from simulator.store.settings import SettingTable
from simulator.store.tasks import TaskTable
from simulator.store.text_ledger import TextLedgerTable


class Store:
    """The simulator's memory. The caller that opens it closes it."""

    def __init__(self, folder: Path | None = None) -> None:
        self._database = open_database(folder)
        self.settings = SettingTable(self._database)
        self.tasks = TaskTable(self._database)
        self.ledger = LedgerTable(self._database)
        self.text_ledger = TextLedgerTable(self._database)
        self.files = FileTable(self._database)
        self.batches = BatchTable(self._database)
        self.media = MediaTable(self._database)
        self.faults = FaultTable(self._database)
        self.requests = RequestTable(self._database)

    def transaction(self) -> AbstractContextManager[None]:
        """Commit everything inside as one, or nothing."""
        return transaction(self._database)

    def clear(self) -> None:
        """Forget everything except settings."""
        with self.transaction():
            for table in TABLES:
                self._database.execute(f"DELETE FROM {table}")  # noqa: S608 - fixed names

    def close(self) -> None:
        """Give the file back."""
        self._database.close()
