"""Beat: when the provider's lists are compared with our ledger, and its limits and prices are read.

No message of beat's expires: Celery writes down a moment of the sender's clock, and the worker compares it with its
own. What bounds the queue while no control worker takes anything is its length.
"""

from __future__ import annotations

from typing import Any, Final

import structlog
from celery import Celery
from celery.beat import PersistentScheduler, ScheduleEntry
from celery.signals import beat_init
from kombu.exceptions import OperationalError
from kombu.messaging import Producer

from reelqueue import messages

log = structlog.get_logger(__name__)

LIMITS_SECONDS: Final = 60.0
"""Slots that the provider has lowered are kept within this."""
MODELS_SECONDS: Final = 300.0
"""How often it is looked whether a list of models is due: hourly, and sooner while a job waits for a price."""
NOTICES_SECONDS: Final = 30.0
"""How late an event of a campaign may be found."""
REPORT_SECONDS: Final = 60.0
"""How late Flower shows that something needs an operator."""
ORPHANS_SECONDS: Final = 3600.0
"""Results live for 24 hours, so that a task which is found within this is never found too late."""


def ask_at_start(app: Celery) -> None:
    """Scan for orphans, most of which appear while nothing runs, and read the list of models, when beat starts."""

    def look(**_: Any) -> None:
        for task in (messages.CONTROL_ADOPT, messages.CONTROL_MODELS):
            try:
                app.send_task(task, argsrepr="()", kwargsrepr="{}", ignore_result=True)
            except (OperationalError, OSError) as error:
                log.warning("beat.not_asked", task=task, error=str(error), remedy="beat asks again within the hour")

    beat_init.connect(look, weak=False)


class BoundedScheduler(PersistentScheduler):  # type: ignore[misc] # Celery's are untyped
    """Sends nothing while enough messages wait in its queue: a sweep that runs later finds the same and more."""

    def apply_entry(self, entry: ScheduleEntry, producer: Producer | None = None) -> None:
        """Send what is due, unless too much of it waits."""
        with self.app.connection_for_write() as connection:
            queue = messages.QUEUE_BY_TASK.get(entry.task)
            if queue is None or not messages.is_enough_waiting(connection, queue):
                super().apply_entry(entry, producer=producer)
