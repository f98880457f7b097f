"""Draws contact sheets in a process of their own: drawing holds the interpreter, which also serves the API.

``python -m api.gallery.sheet_process`` reads orders from its standard input and answers each on its standard output,
both pickled. It has loaded its libraries once and forks for each sheet, so bounds hold per sheet, and a sheet that
takes more ends its own fork alone. It ends when its standard input does.
"""

from __future__ import annotations

import contextlib
import os
import pickle
import resource
import selectors
import subprocess
import sys
import tempfile
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Final
from uuid import UUID

from api.gallery.contact_sheet import write_pdf, write_png
from api.gallery.page_data import campaign_sheet, poster_in
from api.problem_details import ProblemError
from api.settings import ApiSettings
from models.campaign import Campaign
from models.session import make_engine, make_sessions

CPU_SECONDS: Final = 120
"""Of one sheet; 3,000 clips take about a tenth of it."""
MEMORY_BYTES: Final = 2 * 1024**3
"""Address space of one sheet; 3,000 clips take about a sixth of it."""
WALL_SECONDS: Final = 600.0
"""On a machine so busy that the processor's seconds do not come."""
_NICENESS: Final = 10
"""Requests get the processor first."""
_WRITERS: Final = {"png": write_png, "pdf": write_pdf}


@dataclass(frozen=True)
class Order:
    """Which sheet is drawn, and from where."""

    settings: ApiSettings
    campaign_id: UUID
    suffix: str
    """Its format: a key of the writers."""
    made_at: datetime
    """The time that is written on it."""


class SheetProcess:
    """The process that draws, started with the first sheet; used from one thread at a time."""

    def __init__(self) -> None:
        self._process: subprocess.Popen[bytes] | None = None

    def draw(self, order: Order) -> bytes:
        """A sheet as a file's bytes.

        Raises:
            ProblemError: 503 where drawing it takes more than the bounds.
            Exception: What reading the campaign or its pictures raised.
        """
        answer = self._answer(order)
        if isinstance(answer, bytes):
            return answer
        if answer is None:
            self.close()
            raise ProblemError(
                503,
                "sheet_too_large",
                "drawing the contact sheet took more time or memory than one may take; export the gallery instead",
            )
        raise answer

    def close(self) -> None:
        """End the process, and what it is drawing."""
        if self._process is None:
            return
        with contextlib.suppress(ProcessLookupError):
            os.killpg(self._process.pid, 9)
        for stream in (self._process.stdin, self._process.stdout):
            if stream is not None:
                with contextlib.suppress(OSError):  # what was not yet written
                    stream.close()
        self._process.wait()
        self._process = None

    def _answer(self, order: Order) -> bytes | Exception | None:
        """Bytes, or what was raised; None where the process or its fork has ended, or takes too long."""
        process = self._running()
        assert process.stdin is not None  # noqa: S101 -- it was opened as a pipe
        assert process.stdout is not None  # noqa: S101
        with contextlib.suppress(BrokenPipeError, EOFError), selectors.DefaultSelector() as selector:
            selector.register(process.stdout, selectors.EVENT_READ)
            pickle.dump(order, process.stdin)
            process.stdin.flush()
            if selector.select(WALL_SECONDS):
                answer: bytes | Exception | None = pickle.load(process.stdout)  # noqa: S301 -- from a process of ours
                return answer
        return None

    def _running(self) -> subprocess.Popen[bytes]:
        if self._process is not None and self._process.poll() is not None:
            self.close()
        if self._process is None:
            self._process = subprocess.Popen(
                [sys.executable, "-m", "api.gallery.sheet_process"],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                env=os.environ | {"PYTHONPATH": os.pathsep.join(filter(None, sys.path))},
                start_new_session=True,  # so that a Ctrl-C is the API's to handle
            )
        return self._process


def main() -> None:
    """Answer each order of the standard input on the standard output."""
    os.nice(_NICENESS)
    with contextlib.suppress(EOFError):
        while True:
            order = pickle.load(sys.stdin.buffer)  # noqa: S301 -- from the API's process
            sys.stdout.buffer.write(_isolated(order))
            sys.stdout.buffer.flush()


def _isolated(order: Order) -> bytes:
    """The pickled answer of a fork; None's where it has ended without one."""
    reading, writing = os.pipe()
    pid = os.fork()
    if pid == 0:
        os.close(reading)
        with contextlib.suppress(BaseException), os.fdopen(writing, "wb") as answers:
            answers.write(_bounded(order))
        os._exit(0)
    os.close(writing)
    with os.fdopen(reading, "rb") as answers:
        said = answers.read()
    _, status = os.waitpid(pid, 0)
    return said if status == 0 and said else pickle.dumps(None)


def _bounded(order: Order) -> bytes:
    resource.setrlimit(resource.RLIMIT_CPU, (CPU_SECONDS, CPU_SECONDS + 1))
    with contextlib.suppress(ValueError, OSError):  # not every system can bound a process's memory
        resource.setrlimit(resource.RLIMIT_AS, (MEMORY_BYTES, MEMORY_BYTES))
    try:
        return pickle.dumps(_drawn(order))
    except MemoryError:
        return pickle.dumps(None)
    except Exception as error:  # noqa: BLE001 -- raised again by the API, which answers it
        return pickle.dumps(error)


def _drawn(order: Order) -> bytes:
    engine = make_engine(
        order.settings.database_url.get_secret_value(), application_name="reelqueue-sheets", pool_size=1
    )
    with make_sessions(engine)() as session:
        gallery = campaign_sheet(session, session.get_one(Campaign, order.campaign_id), now=order.made_at)
    engine.dispose()
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder, f"sheet.{order.suffix}")
        _WRITERS[order.suffix](path, gallery, poster_in(order.settings.open_archive()))
        return path.read_bytes()


if __name__ == "__main__":
    main()
