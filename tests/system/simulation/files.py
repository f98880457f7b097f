"""The folders of archive and journal, on a disk that fills up, and workers that die between two file operations."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import date
from pathlib import Path

from models.storage import LocalArchive
from models.storage.interface import no_renewal
from models.storage.line_log import FolderLog
from tests.system.simulation.stage import Killed, Stage


class StagedLog(FolderLog):
    """A folder's log of lines that hands the baton back around each line."""

    def __init__(self, root: Path, stage: Stage) -> None:
        super().__init__(root)
        self._stage = stage

    def append(self, day: date, line: str, *, is_durable: bool = True) -> None:
        """Add a line, or die before or after."""
        self._stage.point("noting a line")
        super().append(day, line, is_durable=is_durable)
        self._stage.point("noted a line")


class StagedArchive(LocalArchive):
    """A local archive that hands the baton back around each file operation."""

    def __init__(self, root: Path, stage: Stage) -> None:
        super().__init__(root)
        self._stage = stage

    @contextmanager
    def incoming(self, suffix: str, *, owner: str = "") -> Iterator[Path]:
        """A new file; a worker that is killed leaves it behind."""
        self._stage.point("creating a file")
        with super().incoming(suffix, owner=owner) as path:
            try:
                yield path
            except Killed:
                if path.exists():
                    path.rename(path.with_suffix(f".left{suffix}"))
                raise

    def keep(self, incoming: Path, key: str, *, sha256: str, renew: Callable[[], None] = no_renewal) -> None:
        """Rename it into place, or die before or after."""
        self._stage.point("renaming a file")
        super().keep(incoming, key, sha256=sha256, renew=renew)
        self._stage.point("renamed a file")
