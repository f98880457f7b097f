"""How soon does work go on after something has died? The real stack with its own settings, healed by itself.

``python bench/recovery.py [--rounds 1]`` starts the stack and the simulator, lets clips render, and breaks one thing
after the other. A case has recovered when every clip that was rendering has been polled again. Printed is the time
since the thing was back (for a kill: since the kill) until the first and until the last of them was, beside what is
promised; exit code 1 if a promise was broken.
"""

from __future__ import annotations

import argparse
import shutil
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from sqlalchemy import Engine, text
from sqlalchemy.exc import OperationalError

from embedded.stack.service_plan import ANY_PORTS
from embedded.stack.stack import Stack, StackOptions
from models.session import make_engine
from reelqueue import Client, TextToVideo

CLIP_COUNT = 6
POLL_INTERVAL_MS = 1000
OUTAGE_SECONDS = 5.0
LONGEST_SECONDS = 180.0
_LOOK_SECONDS = 0.05


@dataclass(frozen=True)
class Case:
    """One thing that dies."""

    name: str
    promised_seconds: float
    """Until the first overdue poll."""
    strike: Callable[[], None]
    """Returns when the thing is back, or was killed."""


@dataclass(frozen=True)
class Recovery:
    """How a case went."""

    case: Case
    first_seconds: float
    last_seconds: float

    @property
    def is_kept(self) -> bool:
        """Whether the promise was."""
        return self.first_seconds <= self.case.promised_seconds


class Theatre:
    """The stack, with clips that render for hours and are polled every second."""

    def __init__(self, stack: Stack, engine: Engine) -> None:
        self.stack = stack
        self._engine = engine

    def begin(self) -> None:
        """Hand in the clips, and wait until all of them are polled."""
        with Client(self.stack.url("api")) as client:
            for number in range(CLIP_COUNT):
                prompt = f"a fox, take {number} [[run=100000]]"
                clip = TextToVideo(model="wan2.6-t2v", prompt=prompt, duration=2, poll_interval_ms=POLL_INTERVAL_MS)
                client.submit(clip.model_copy(update={"poll_timeout_ms": 86_400_000}))
        self._wait_until(lambda: len(self._polled_since({})) == CLIP_COUNT)

    def cases(self) -> list[Case]:
        """Everything that can die, in turn."""
        return [
            Case("FLUSHALL", 15, self.stack.valkey.flush),
            Case("broker restart, its file kept", 30, self._restart_broker),
            Case("broker restart, its file lost", 30, lambda: self._restart_broker(forget=True)),
            Case("Postgres restart", 15, self._restart_postgres),
            Case("kill -9 of the poller", 60, self.stack.children["poll"].kill),
            Case("kill -9 of control and beat", 60, self._kill_control),
            Case("kill -9 of every worker", 60, self._kill_workers),
        ]

    def measure(self, case: Case) -> Recovery:
        """Break it, and wait until every clip has been polled again."""
        case.strike()
        back_at = time.monotonic()
        before = self._counts()
        self._wait_until(lambda: bool(self._polled_since(before)))
        first_seconds = time.monotonic() - back_at
        self._wait_until(lambda: len(self._polled_since(before)) == CLIP_COUNT)
        return Recovery(case, first_seconds, time.monotonic() - back_at)

    def _restart_broker(self, *, forget: bool = False) -> None:
        valkey = self.stack.valkey
        valkey.child.kill()
        if forget:
            shutil.rmtree(valkey.folder / "appendonlydir")
        time.sleep(OUTAGE_SECONDS)
        valkey.start()

    def _restart_postgres(self) -> None:
        self.stack.postgres.stop()
        time.sleep(OUTAGE_SECONDS)
        self.stack.postgres.start()

    def _kill_control(self) -> None:
        for name in ("control", "beat"):
            self.stack.children[name].kill()

    def _kill_workers(self) -> None:
        for name in ("control", "beat", "poll", "render"):
            self.stack.children[name].kill()

    def _polled_since(self, before: dict[str, int]) -> set[str]:
        """Clips that were polled more often than *before*."""
        return {clip for clip, count in self._counts().items() if count > before.get(clip, 0)}

    def _counts(self) -> dict[str, int]:
        with self._engine.connect() as connection:
            rows = connection.execute(text("SELECT id::text, poll_count FROM render_jobs"))
            return {row.id: row.poll_count for row in rows}

    def _wait_until(self, condition: Callable[[], bool]) -> None:
        give_up_at = time.monotonic() + LONGEST_SECONDS
        while not _holds(condition):
            if time.monotonic() > give_up_at:
                sys.exit(f"not within {LONGEST_SECONDS:g} s; the logs are in {self.stack.folder.logs}")
            for ending in self.stack.look_after():
                print(f"  {ending.name} ended with exit code {ending.exit_code}")
            time.sleep(_LOOK_SECONDS)


def _holds(condition: Callable[[], bool]) -> bool:
    try:
        return condition()
    except OperationalError:  # the connection is as old as the database that was restarted
        return False


@contextmanager
def theatre() -> Iterator[Theatre]:
    """A stack of its own, gone afterwards."""
    folder = Path(tempfile.mkdtemp(prefix="reelqueue-recovery-"))
    stack = Stack(StackOptions(state=folder, ports=ANY_PORTS, time_scale=1.0))
    stack.start()
    engine = make_engine(stack.environment["REELQUEUE_DATABASE_URL"], application_name="bench")
    try:
        yield Theatre(stack, engine)
    finally:
        engine.dispose()
        stack.stop(forget=True)
        shutil.rmtree(folder)


def main() -> int:
    """Measure every case; the exit code says whether every promise was kept."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=1)
    rounds: int = parser.parse_args().rounds
    found: list[Recovery] = []
    with theatre() as stage:
        stage.begin()
        for case in stage.cases() * rounds:
            found.append(stage.measure(case))
            print(_line(found[-1]), flush=True)
    return 0 if all(recovery.is_kept for recovery in found) else 1


def _line(recovery: Recovery) -> str:
    verdict = "kept" if recovery.is_kept else "BROKEN"
    return (
        f"{recovery.case.name:<32} first poll {recovery.first_seconds:5.1f} s, every clip "
        f"{recovery.last_seconds:5.1f} s, promised {recovery.case.promised_seconds:g} s: {verdict}"
    )


if __name__ == "__main__":
    sys.exit(main())
