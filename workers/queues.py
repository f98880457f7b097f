"""The queues, by kind of work, and what goes where."""

from __future__ import annotations

from enum import StrEnum
from typing import Final

from kombu.entity import Exchange, Queue

from reelqueue import messages


class QueueName(StrEnum):
    """One queue per kind of work, so that a slow kind never delays a quick one."""

    CONTROL = "control"
    """Dispatch and sweep: short, and everything waits for them."""
    SUBMIT = "submit"
    """One paid POST each."""
    POLL = "poll"
    """One batch of queries each."""
    ARCHIVE = "archive"
    """One download each: minutes, if the file is large."""
    NOTIFY = "notify"
    """A few posts to one webhook receiver each: as long as it lets us wait."""
    TEXT = "text"
    """One call to a language model each: minutes, if the answer is long."""
    BATCH = "batch"
    """One step of a batch of text jobs each: minutes, if its file is large. Hints wait here for no answer."""
    INTAKE = "intake"
    """Requests from producers over the broker."""
    DEFAULT = "celery"
    """Where a plain Celery app sends what it has no route for: ``intake.enqueue`` from a producer
    that has nothing of ours installed."""


# Each with its own exchange and key: with Celery's defaults all of them would share one, and every
# message would go to every queue.
QUEUES: Final = tuple(
    Queue(name.value, exchange=Exchange(name.value), routing_key=name.value)  # type: ignore[no-untyped-call]
    for name in QueueName
)

ROUTES: Final = {task: {"queue": queue} for task, queue in messages.QUEUE_BY_TASK.items()}
