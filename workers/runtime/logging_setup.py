"""The workers' logs: ours, and what Celery says, without what it quotes."""

from __future__ import annotations

import logging
import sys

from celery.worker.consumer import consumer

from models.logs import configure_logs

_LIBRARY_FORMAT = "timestamp=%(asctime)s level=%(levelname)s event=library logger=%(name)s message=%(message)r"
# What Celery says of a message that it throws away, with the whole message: a misspelt intake.enqueue has a prompt.
_QUOTING = frozenset({consumer.UNKNOWN_TASK_ERROR, consumer.INVALID_TASK_ERROR, consumer.MESSAGE_DECODE_ERROR})


def configure_worker_logs(level: int = logging.INFO) -> None:
    """Send our own events through structlog, and libraries' warnings and errors to the same place.

    Libraries speak at INFO of each message they move; that is Flower's to show.
    """
    logging.basicConfig(level=max(level, logging.WARNING), stream=sys.stderr, format=_LIBRARY_FORMAT, force=True)
    logging.getLogger(consumer.__name__).addFilter(_without_message)
    configure_logs(level)


def _without_message(record: logging.LogRecord) -> bool:
    """Keep the reason, the first of the arguments, and drop the message."""
    if record.msg in _QUOTING and isinstance(record.args, tuple):
        record.msg, record.args = "discarded a message: %r; fix its sender", record.args[:1]
    elif record.msg == consumer.UNKNOWN_FORMAT:
        record.msg, record.args = "discarded a message that is not a task; fix its sender", ()
    return True
