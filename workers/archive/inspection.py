"""Inspects a fetched video in a bounded process, while its lease is renewed.

A small file can make a decoder take gigabytes or hours. Here it takes a process of its own that much, and no more
than one per processor at a time; the worker waits, says so, and goes on with other clips.
"""

from __future__ import annotations

import atexit
import contextlib
import json
import os
import queue
import selectors
import subprocess
import sys
import time
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass
from decimal import Decimal
from pathlib import Path
from typing import Any, Final

from workers.archive.video_probe import Probe, UnplayableError

_BEAT_SECONDS: Final = 1.0
_PASSED_ON: Final = ("PATH", "LANG", "TMPDIR", "LD_LIBRARY_PATH", "PYTHONDONTWRITEBYTECODE")


@dataclass(frozen=True)
class Bounds:
    """Limits of inspecting one video; a minute of 4K takes a tenth of them."""

    cpu_seconds: int = 30
    memory_mib: int = 1536
    wall_seconds: float = 120.0
    """On a machine so busy that the processor's seconds do not come."""


class _Server:
    """One inspection server, and the file that it inspects."""

    def __init__(self) -> None:
        # No key of the worker's is in its environment: it reads what others have made.
        environment = {name: os.environ[name] for name in _PASSED_ON if name in os.environ}
        self._process = subprocess.Popen(
            [sys.executable, "-m", "workers.archive.inspection_server"],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            env=environment | {"PYTHONPATH": os.pathsep.join(filter(None, sys.path))},
            start_new_session=True,  # so that a Ctrl-C is the worker's to handle, and all of it can be ended
        )

    def ask(self, order: Mapping[str, Any], wall_seconds: float, renew: Callable[[], None]) -> Mapping[str, Any]:
        """Have a file inspected.

        Raises:
            UnplayableError: It took too long, or the server is no more.
        """
        process = self._process
        assert process.stdin is not None  # noqa: S101 -- it was opened as a pipe
        assert process.stdout is not None  # noqa: S101
        give_up_at = time.monotonic() + wall_seconds
        with contextlib.suppress(BrokenPipeError), selectors.DefaultSelector() as selector:
            selector.register(process.stdout, selectors.EVENT_READ)
            process.stdin.write(json.dumps(order) + "\n")
            process.stdin.flush()
            while not selector.select(max(0, min(_BEAT_SECONDS, give_up_at - time.monotonic()))):
                renew()
                if time.monotonic() >= give_up_at:
                    raise UnplayableError(f"looking into it takes longer than {wall_seconds:g} s")
            if said := process.stdout.readline():
                answer: Mapping[str, Any] = json.loads(said)
                return answer
        raise UnplayableError("the process that looked into it has ended")

    def close(self) -> None:
        """End the server and the processes that it has forked."""
        with contextlib.suppress(ProcessLookupError):
            os.killpg(self._process.pid, 9)
        for stream in (self._process.stdin, self._process.stdout):
            if stream is not None:
                with contextlib.suppress(OSError):
                    stream.close()
        self._process.wait()


_idle: Final[queue.LifoQueue[_Server | None]] = queue.LifoQueue()
"""A place per processor: a server that waits, or None where none was started yet."""
for _ in range(os.cpu_count() or 1):
    _idle.put(None)


def inspect_video(
    path: Path, *, poster: Path, last_frame: Path, renew: Callable[[], None], bounds: Bounds | None = None
) -> Probe:
    """Measure a video and write its poster and its last frame.

    Args:
        path: The video.
        poster: Where a JPEG of its first picture goes; replaced if it is there.
        last_frame: Where a PNG of its last picture goes; replaced if it is there.
        renew: Called each second meanwhile, to show that the worker is alive.
        bounds: What it may take.

    Raises:
        UnplayableError: It is no whole video with a picture at its begin and its end, or takes more than its bounds.
    """
    bounds = bounds or Bounds()
    order = {"path": path, "poster": poster, "last_frame": last_frame}
    order = {name: str(place.absolute()) for name, place in order.items()} | asdict(bounds)
    server = _take(renew)
    try:
        answer = server.ask(order, bounds.wall_seconds, renew)
    except BaseException:
        server.close()
        _idle.put(None)
        raise
    _idle.put(server)
    if "refused" in answer:
        raise UnplayableError(str(answer["refused"]))
    probe = answer["probe"]
    return Probe(**probe | {"duration_seconds": Decimal(probe["duration_seconds"])})


def _take(renew: Callable[[], None]) -> _Server:
    while True:
        try:
            server = _idle.get(timeout=_BEAT_SECONDS)
        except queue.Empty:
            renew()
            continue
        return server or _start()


def _start() -> _Server:
    """Start a server in a reserved place; the place is released if it does not start."""
    try:
        return _Server()
    except OSError as error:
        _idle.put(None)
        raise UnplayableError(f"no process to look into it can be started here: {error.strerror}") from error
    except BaseException:
        _idle.put(None)
        raise


@atexit.register
def _close_all() -> None:
    with contextlib.suppress(queue.Empty):
        while True:
            if (server := _idle.get_nowait()) is not None:
                server.close()
