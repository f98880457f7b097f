"""Logical workers: threads of which one runs at a time, as the scheduler says.

Threads, because each step runs an event loop and holds database transactions of its own; one at a time,
because then the scheduler's random numbers alone decide what happens, and a seed replays. A worker gives the
baton back where its world touches ours: around each transaction, between its statements, at each sleep and at
each file operation.

A worker that waits for a row lock of another one gives the baton back too: Postgres itself says so
(``pg_blocking_pids``), so two transactions that overlap are really two transactions that overlap.
"""

from __future__ import annotations

import math
import threading
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from enum import Enum, auto
from typing import Protocol
from uuid import UUID

from reelqueue.errors import ReelqueueError
from tests.support.virtual_clock import VirtualClock
from tests.system.simulation.broker import Message
from workers.runtime.context import Context

# After this long without a sign of a running worker, Postgres is asked whether it waits for a lock.
_PATIENCE_SECONDS = 0.01
_LOST_SECONDS = 60.0


class Killed(BaseException):
    """The worker's process is gone: no line of its code runs any more."""


class StuckError(ReelqueueError):
    """A worker neither comes back nor waits for a lock: the simulation is broken."""


class Standing(Enum):
    """What a worker is about."""

    READY = auto()
    """It runs when it is resumed."""
    ASLEEP = auto()
    """It sleeps until a time, or is frozen until then."""
    BLOCKED = auto()
    """Postgres lets it wait for a lock of another one."""
    DONE = auto()
    DEAD = auto()
    """It was killed."""


@dataclass
class Step:
    """One step of one logical worker: a message on its way through the code."""

    label: str
    work: Callable[[], object]
    job_id: UUID | None = None
    """The job that it is about, where it is about one."""
    message: Message | None = None
    """What the broker gives out again if it is killed."""
    process: Context | None = None
    """The process that runs it, where it is a worker's."""
    standing: Standing = Standing.READY
    standing_then: Standing = Standing.READY
    """What the scheduler finds when the step comes back; a worker's thread never changes the present one."""
    where: str = "start"
    wake_at: datetime | None = None
    is_doomed: bool = False
    transaction_since: datetime | None = None
    """Since when it has had a transaction open."""
    statement_pid: int | None = None
    """The backend that executes a statement for it right now."""
    result: object = None
    error: BaseException | None = None
    baton: threading.Semaphore = field(default_factory=lambda: threading.Semaphore(0))
    came_back: threading.Semaphore = field(default_factory=lambda: threading.Semaphore(0))

    @property
    def is_over(self) -> bool:
        """Whether it will never run again."""
        return self.standing in {Standing.DONE, Standing.DEAD}


class Director(Protocol):
    """Decides what happens to a worker where it passes; may raise what the worker then meets."""

    def at(self, step: Step, where: str, /) -> timedelta | None:
        """How long it is held up there: None for not at all, zero for as long as the scheduler likes.

        Raises:
            BaseException: What befalls the worker.
        """


class LockWatch(Protocol):
    """Knows who waits in Postgres."""

    def is_waiting(self, backend_pid: int, /) -> bool:
        """Whether a backend waits for a lock."""


class Stage:
    """All steps that are under way."""

    def __init__(self, clock: VirtualClock, locks: LockWatch, threads: ThreadPoolExecutor) -> None:
        self.clock = clock
        self.steps: list[Step] = []
        self.director: Director | None = None
        self._locks = locks
        self._threads = threads
        self._own = threading.local()

    # What the scheduler calls.

    def start(self, step: Step) -> Step:
        """Put a step on the stage; it runs when it is resumed."""
        self.steps.append(step)
        self._threads.submit(self._run, step)
        return step

    def resume(self, step: Step) -> None:
        """Let a step run until it comes back, ends, or waits for a lock."""
        step.standing, step.wake_at = Standing.READY, None
        step.baton.release()
        self._wait_for(step)
        self.look_after_blocked()

    def kill(self, step: Step) -> None:
        """End a step where it stands, as ``kill -9`` would."""
        step.is_doomed = True
        self.resume(step)

    def look_after_blocked(self) -> None:
        """See which of the waiting steps Postgres has let go."""
        for step in self.steps:
            if step.standing is Standing.BLOCKED:
                self._wait_for(step)
        self.steps = [one for one in self.steps if not one.is_over]

    def clear(self) -> None:
        """End every step that is left."""
        while self.steps:
            for step in self.steps:
                if step.standing is not Standing.BLOCKED:
                    self.kill(step)
            self.look_after_blocked()

    def _wait_for(self, step: Step) -> None:
        lost_at = time.monotonic() + _LOST_SECONDS
        while not step.came_back.acquire(timeout=0 if step.standing is Standing.BLOCKED else _PATIENCE_SECONDS):
            pid = step.statement_pid
            if pid is not None and self._locks.is_waiting(pid):
                step.standing = Standing.BLOCKED
                return
            if time.monotonic() > lost_at:
                raise StuckError(f"{step.label} has not come back from {step.where} for {_LOST_SECONDS:g} s")
        step.standing = step.standing_then

    # What workers call.

    @property
    def current(self) -> Step | None:
        """The step that this thread runs; None in the scheduler's own thread."""
        return getattr(self._own, "step", None)

    def point(self, where: str) -> None:
        """Pass a place at which things may happen."""
        step = self.current
        if step is None:
            return
        step.where = where
        self._die_if_doomed(step)
        held_up = self.director.at(step, where) if self.director else None
        if held_up is not None:
            self._give_back(step, held_up)

    def sleep(self, seconds: float) -> None:
        """Let virtual time pass."""
        step = self.current
        if step is None:
            self.clock.advance(seconds)
            return
        self._die_if_doomed(step)
        # Upwards, or a timer that is a fraction of a microsecond away would never be reached.
        self._give_back(step, timedelta(microseconds=max(math.ceil(seconds * 1e6), 1)))

    def begin_statement(self, backend_pid: int) -> None:
        """A statement goes to Postgres, where it may have to wait."""
        step = self.current
        if step is not None:
            self._die_if_doomed(step)
            step.transaction_since = step.transaction_since or self.clock.now()
            self.point("statement")
            step.statement_pid = backend_pid

    def end_statement(self) -> None:
        """Postgres has answered, with rows or an error."""
        step = self.current
        if step is not None:
            step.statement_pid = None
            if step.standing is Standing.BLOCKED:
                # Others may have been let go at the same moment: one at a time from here on.
                self._give_back(step, timedelta(0))

    def end_transaction(self) -> None:
        """The step holds no lock any more."""
        step = self.current
        if step is None:
            return
        step.transaction_since = None
        if any(other.standing is Standing.BLOCKED for other in self.steps):
            # Postgres lets one of them go on now, and it must not run beside this one.
            self._give_back(step, timedelta(0))

    def _give_back(self, step: Step, held_up: timedelta) -> None:
        step.wake_at = self.clock.now() + held_up if held_up else None
        step.standing_then = Standing.ASLEEP if held_up else Standing.READY
        step.came_back.release()
        step.baton.acquire()
        self._die_if_doomed(step)

    def _die_if_doomed(self, step: Step) -> None:
        if step.is_doomed:
            raise Killed

    def _run(self, step: Step) -> None:
        self._own.step = step
        step.baton.acquire()
        try:
            self._die_if_doomed(step)
            step.result = step.work()
            step.standing_then = Standing.DONE
        except Killed:
            step.standing_then = Standing.DEAD
        except BaseException as error:  # noqa: BLE001 - whatever it is, the verdict is the scheduler's
            step.error, step.standing_then = error, Standing.DONE
        finally:
            self._own.step = None
            step.came_back.release()
