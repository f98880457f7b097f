"""A file that a worker and beat touch while they are healthy, for health checks that cost next to nothing.

A worker touches it with each of its heartbeats (every 2 s), which stop while it has no connection to the
broker; beat, whenever it has handed a message to the broker (every sweep). ``python -m workers.heartbeat
FILE`` exits 0 while the file is fresh. A ping over the broker would import all of Celery each time:
seconds of processor time per check and worker.
"""

from __future__ import annotations

import argparse
import sys
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

FRESH_SECONDS = 30.0
"""A file older than this belongs to a process that is stuck or cut off from its broker."""


def touch_while_well(path: Path) -> None:
    """Touch *path* whenever this process, a worker or beat, does work."""
    # Late: the health check runs this module too, and must not wait for Celery.
    from celery.signals import after_task_publish, beat_init, heartbeat_sent

    def touch(**_: Any) -> None:
        path.touch()

    def follow_beat(**_: Any) -> None:
        after_task_publish.connect(touch, weak=False)

    heartbeat_sent.connect(touch, weak=False)
    beat_init.connect(follow_beat, weak=False)


def main(arguments: Sequence[str] | None = None) -> int:
    """Check a file; returns the exit code."""
    parser = argparse.ArgumentParser(prog="python -m workers.heartbeat", description="Is a worker, or beat, well?")
    parser.add_argument("file", type=Path, help="as in REELQUEUE_HEARTBEAT_PATH of the process")
    file: Path = parser.parse_args(arguments).file
    try:
        age_seconds = time.time() - file.stat().st_mtime
    except FileNotFoundError:
        print(f"{file} is not there: no sign of life yet", file=sys.stderr)  # noqa: T201 - the command's talk
        return 1
    if age_seconds > FRESH_SECONDS:
        print(f"the last sign of life was {age_seconds:.0f} s ago", file=sys.stderr)  # noqa: T201 - the command's talk
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
