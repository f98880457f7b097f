"""Writing down what only this process knows, also while the database is away for a moment."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime
from typing import TypeVar

import structlog
from sqlalchemy.exc import InterfaceError, OperationalError
from sqlalchemy.orm import Session

from workers.runtime.context import Services

log = structlog.get_logger(__name__)

T = TypeVar("T")

_FIRST_PAUSE_SECONDS = 0.05
_LONGEST_PAUSE_SECONDS = 1.0


def insist(services: Services, write: Callable[[Session, datetime], T], *, for_seconds: float) -> T:
    """Commit a write in a transaction of its own, and again while the database cannot be reached.

    Args:
        services: The outside world.
        write: Gets the session and the time. It must bear running twice: where the answer to a commit is
            lost, nobody knows whether it was made.
        for_seconds: How long to go on trying.

    Returns:
        What the write that was committed returned.

    Raises:
        sqlalchemy.exc.OperationalError: The database is still away.
    """
    give_up_at = services.host.seconds() + for_seconds
    pause_seconds = _FIRST_PAUSE_SECONDS
    while True:
        try:
            with services.sessions.begin() as session:
                return write(session, services.clock.now(session))
        except (OperationalError, InterfaceError) as error:
            if services.host.seconds() + pause_seconds > give_up_at:
                raise
            log.warning("database.away", error=type(error.orig).__name__)
        services.host.sleep(pause_seconds)
        pause_seconds = min(pause_seconds * 2, _LONGEST_PAUSE_SECONDS)
