"""A worker that stops consuming messages exits, so that its supervisor starts a new one.

After a restart of its broker a Celery worker may be connected, send heartbeats, and take no message any more
(github.com/celery/celery issues 8030, 8091 and 9054, read 2026-11). No signal reports it; but work that waits in its
queues, sample after sample, while the worker does none, shows it. An idle worker has nothing waiting, as Redis gives
each message to a listening worker; a busy one is processing something; and while the broker is away nothing is known.

It exits with code 75 (``EX_TEMPFAIL``: try again). Its unfinished messages are delivered again like a killed worker's.
"""

from __future__ import annotations

import os
import threading
from dataclasses import dataclass
from typing import Any, Final

import structlog
from celery import Celery
from celery.signals import worker_ready, worker_shutting_down
from celery.worker import state

from reelqueue.messages import waiting_count

log = structlog.get_logger(__name__)

EXIT_CODE: Final = 75
LOOKS: Final = 5
"""So many in a row condemn a worker; counted, so that a host that slept an hour has looked once meanwhile."""
# An orderly end takes a second; who is stuck in it is ended.
_GRACE_SECONDS: Final = 10.0


@dataclass(frozen=True)
class WorkerSample:
    """A worker at one moment."""

    waiting_count: int
    """Messages in its queues, and those that it has taken and not begun."""
    active_count: int
    """Tasks that it runs."""
    begun_count: int
    """Tasks that it has ever begun."""


class StallDetector:
    """Decides from successive samples whether a worker is stalled."""

    def __init__(self) -> None:
        self._begun_count = 0
        self._idle_looks = 0

    def is_stalled(self, sight: WorkerSample | None) -> bool:
        """Whether work has waited too long.

        Args:
            sight: The worker now; None: it is unknown what waits.
        """
        if sight is None or sight.active_count or not sight.waiting_count or sight.begun_count > self._begun_count:
            self._idle_looks = 0
        else:
            self._idle_looks += 1
        self._begun_count = sight.begun_count if sight else self._begun_count
        return self._idle_looks >= LOOKS


def exit_when_stalled(app: Celery, *, after_seconds: float) -> None:
    """Watch over every worker of the app, from its readiness to its orderly end."""
    ended = threading.Event()

    def watch(**_: Any) -> None:
        worker_ready.disconnect(watch)  # it comes again with each new connection
        threading.Thread(target=_watch, args=(app, after_seconds / LOOKS, ended), name="detector", daemon=True).start()

    def end(**_: Any) -> None:
        ended.set()

    worker_ready.connect(watch, weak=False)
    worker_shutting_down.connect(end, weak=False)


def _watch(app: Celery, pause_seconds: float, ended: threading.Event) -> None:
    # A thread: whatever holds the worker's own loop does not hold this one.
    detector = StallDetector()
    while not ended.wait(pause_seconds):
        sight = _look(app)
        if detector.is_stalled(sight):
            log.error("worker.deaf", waiting=sight and sight.waiting_count, exit_code=EXIT_CODE)
            state.should_stop = EXIT_CODE
            ended.wait(_GRACE_SECONDS)
            os._exit(EXIT_CODE)


def _look(app: Celery) -> WorkerSample | None:
    # A connection of its own: the worker's is what is in doubt.
    with app.connection_for_read() as connection:
        try:
            waiting = sum(waiting_count(connection, name) for name in app.amqp.queues.consume_from)
        except connection.connection_errors:
            return None
    unbegun = len(state.reserved_requests) - len(state.active_requests)
    return WorkerSample(waiting + max(unbegun, 0), len(state.active_requests), state.all_total_count[0])
