"""Files on their way into an archive, in a folder of this host."""

from __future__ import annotations

import contextlib
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from tempfile import NamedTemporaryFile
from typing import Final

_DEAD_AFTER_SECONDS: Final = 6 * 3600
"""A download that wrote nothing for so long has no worker: its time limit is far below."""


class IncomingFolder:
    """Half files; none outlives its owner's next try, or a few hours."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    @contextmanager
    def file(self, suffix: str, owner: str) -> Iterator[Path]:
        """A new empty file; removed at the end if it is still there."""
        self._folder.mkdir(parents=True, exist_ok=True)
        with NamedTemporaryFile(dir=self._folder, prefix=f"{owner}.", suffix=suffix, delete=False) as file:
            path = Path(file.name)
        try:
            yield path
        finally:
            path.unlink(missing_ok=True)

    def discard(self, owner: str) -> None:
        """Remove what killed processes left behind for an owner, and for anybody long ago."""
        for path in self._folder.glob(f"{owner}.*"):
            path.unlink(missing_ok=True)
        # Another host may have taken the job over, and its owner never comes back here.
        dead_since = time.time() - _DEAD_AFTER_SECONDS
        for path in self._folder.glob("*.*"):
            with contextlib.suppress(FileNotFoundError):
                if path.stat().st_mtime < dead_since:
                    path.unlink()
