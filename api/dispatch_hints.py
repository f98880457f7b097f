"""The hint that something can be dispatched, sent so that no request ever waits for the broker.

Dispatch looks at what is due whenever it runs, so one hint covers every job stored before it: a
thread sends them, and those that pile up meanwhile become one.
"""

from __future__ import annotations

import threading
from collections.abc import Callable

import structlog
from celery import Celery
from kombu.exceptions import OperationalError

from reelqueue import messages

log = structlog.get_logger(__name__)

BROKER_TIMEOUT_SECONDS = 2.0
"""A broker that is slower than this is down: a publish to a frozen Redis blocks for ever without it."""


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


class DispatchHints:
    """A thread that sends hints; it is started and closed with the app."""

    def __init__(self, send: Callable[[], None]) -> None:
        self._send = send
        self._awake = threading.Event()
        self._is_asked = False
        self._is_closing = False
        self._thread = threading.Thread(target=self._run, name="dispatch-hints", daemon=True)

    def start(self) -> None:
        """Begin to send."""
        self._thread.start()

    def request_dispatch(self) -> None:
        """Ask for a hint; returns at once, whatever the broker does."""
        self._is_asked = True
        self._awake.set()

    def close(self) -> None:
        """Send what was asked for and end, or give up after the broker's timeouts."""
        self._is_closing = True
        self._awake.set()
        self._thread.join(timeout=3 * BROKER_TIMEOUT_SECONDS)

    def _run(self) -> None:
        while not self._is_closing or self._is_asked:
            self._awake.wait()
            self._awake.clear()
            if self._is_asked:
                self._is_asked = False
                self._try_send()

    def _try_send(self) -> None:
        try:
            self._send()
        except (OperationalError, OSError) as error:
            log.warning("hint.not_sent", error=str(error), remedy="the next sweep finds the jobs")
        except Exception:  # a thread that ended here would silence every later hint
            log.exception("hint.crashed", remedy="the next sweep finds the jobs")
