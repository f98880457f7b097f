"""Hints that something can be dispatched or asked, sent by a thread so that no request ever waits for the broker.

Dispatch looks at what is due whenever it runs, so one hint covers every render job stored before it, and those that
pile up meanwhile become one. Text jobs are asked one by one, so each has its own.
"""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Callable
from functools import partial
from typing import Final
from uuid import UUID

import structlog
from celery import Celery
from kombu.exceptions import OperationalError

from reelqueue import messages

log = structlog.get_logger(__name__)

BROKER_TIMEOUT_SECONDS = 2.0
"""A broker that is slower than this is down: a publish to a frozen Redis blocks for ever without it."""
TEXT_HINTS_MAX: Final = 10_000
"""Of those that wait to be sent; the sweep finds the jobs of the others."""


def make_producer(broker_url: str) -> Celery:
    """A Celery app that only sends, and that neither blocks nor tries again."""
    app = Celery("reelqueue-api", broker=broker_url, set_as_current=False)
    app.conf.update(
        task_publish_retry=False,  # the sweep is the second try
        task_ignore_result=True,
        broker_connection_timeout=BROKER_TIMEOUT_SECONDS,
        broker_transport_options={
            "socket_timeout": BROKER_TIMEOUT_SECONDS,
            "socket_connect_timeout": BROKER_TIMEOUT_SECONDS,
        },
    )
    return app


def send_dispatch(producer: Celery) -> None:
    """Put one ``control.dispatch`` on the broker, unless enough wait there.

    It never expires: that would compare this host's clock with a worker's.
    """
    queue = messages.QUEUE_BY_TASK[messages.CONTROL_DISPATCH]
    with producer.pool.acquire(block=True, timeout=BROKER_TIMEOUT_SECONDS) as connection:
        if not messages.is_enough_waiting(connection, queue):
            producer.send_task(
                messages.CONTROL_DISPATCH, connection=connection, queue=queue, argsrepr="()", kwargsrepr="",
                ignore_result=True,
            )  # fmt: skip


def send_text_hint(producer: Celery, job_id: UUID) -> None:
    """Put ``text.answer`` for one text job on the broker."""
    queue = messages.QUEUE_BY_TASK[messages.TEXT_ANSWER]
    with producer.pool.acquire(block=True, timeout=BROKER_TIMEOUT_SECONDS) as connection:
        producer.send_task(
            messages.TEXT_ANSWER, args=(str(job_id),), connection=connection, queue=queue,
            argsrepr=f"text_job={job_id}", kwargsrepr="", ignore_result=True,
        )  # fmt: skip


class _HintThread:
    """A thread that sends what was asked for; it is started and closed with the app."""

    def __init__(self, name: str) -> None:
        self._awake = threading.Event()
        self._is_closing = False
        self._thread = threading.Thread(target=self._run, name=name, daemon=True)

    def start(self) -> None:
        """Begin to send."""
        self._thread.start()

    def close(self) -> None:
        """Send what was asked for and end, or give up after the broker's timeouts."""
        self._is_closing = True
        self._awake.set()
        self._thread.join(timeout=3 * BROKER_TIMEOUT_SECONDS)

    def _next(self) -> Callable[[], None] | None:
        """What to send next; it is sent once, whatever comes of it."""
        raise NotImplementedError

    def _run(self) -> None:
        while True:
            send = self._next()
            if send is not None:
                _try_send(send)
            elif self._is_closing:
                return
            else:
                self._awake.wait()
                self._awake.clear()


class DispatchHints(_HintThread):
    """Sends hints of which one covers all."""

    def __init__(self, send: Callable[[], None]) -> None:
        super().__init__("dispatch-hints")
        self._send = send
        self._is_asked = False

    def request_dispatch(self) -> None:
        """Ask for a hint; returns at once, whatever the broker does."""
        self._is_asked = True
        self._awake.set()

    def _next(self) -> Callable[[], None] | None:
        if not self._is_asked:
            return None
        self._is_asked = False
        return self._send


class TextHints(_HintThread):
    """Sends a hint for each text job."""

    def __init__(self, send: Callable[[UUID], None]) -> None:
        super().__init__("text-hints")
        self._send = send
        self._job_ids: deque[UUID] = deque(maxlen=TEXT_HINTS_MAX)

    def request_answer(self, job_id: UUID) -> None:
        """Ask for a hint; returns at once, whatever the broker does."""
        self._job_ids.append(job_id)
        self._awake.set()

    def _next(self) -> Callable[[], None] | None:
        return partial(self._send, self._job_ids.popleft()) if self._job_ids else None


def _try_send(send: Callable[[], None]) -> None:
    try:
        send()
    except (OperationalError, OSError) as error:
        log.warning("hint.not_sent", error=str(error), remedy="the next sweep finds the jobs")
    except Exception:  # a thread that ended here would silence every later hint
        log.exception("hint.crashed", remedy="the next sweep finds the jobs")
