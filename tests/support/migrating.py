"""Hosts that migrate a database, each a process of its own."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final

ROOT: Final = Path(__file__).parents[2]
PATIENCE_SECONDS: Final = 240


@contextmanager
def migrating(database_url: str) -> Iterator[subprocess.Popen[bytes]]:
    """A host that has begun to migrate; ended with the block, also where the test fails."""
    environment = {**os.environ, "REELQUEUE_DATABASE_URL": database_url}
    command = [sys.executable, "-m", "alembic", "upgrade", "head"]
    with subprocess.Popen(command, cwd=ROOT, env=environment, stderr=subprocess.DEVNULL) as host:
        try:
            yield host
        finally:
            host.kill()
