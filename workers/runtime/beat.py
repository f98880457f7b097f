"""When beat has the provider's lists compared with our books: hourly, and when it starts."""

from __future__ import annotations

from typing import Any, Final

import structlog
from celery import Celery
from celery.signals import beat_init
from kombu.exceptions import OperationalError

from reelqueue import messages

log = structlog.get_logger(__name__)

ORPHANS_SECONDS: Final = 3600.0
"""Results live for 24 hours, so that a task which is found within this is never found too late."""


def look_at_start(app: Celery) -> None:
    """Have a look when beat starts: what happened while nothing ran is the likeliest place for orphans."""

    def look(**_: Any) -> None:
        try:
            app.send_task(messages.CONTROL_ADOPT, argsrepr="()", kwargsrepr="{}", ignore_result=True,
                          expires=ORPHANS_SECONDS)  # fmt: skip
        except (OperationalError, OSError) as error:
            log.warning("orphans.not_asked", error=str(error), remedy="beat asks again within the hour")

    beat_init.connect(look, weak=False)
