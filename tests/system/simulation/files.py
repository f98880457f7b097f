"""The archive's folder, on a disk that fills up and under workers that die between two file operations."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from models.storage import LocalArchive
from models.storage.interface import no_renewal
from tests.system.simulation.stage import Killed, Stage


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
