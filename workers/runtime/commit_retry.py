"""Writing down what only this process knows, also while the database is away for a moment."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime
from typing import Final, TypeVar

import structlog
from sqlalchemy.exc import InterfaceError, OperationalError
from sqlalchemy.orm import Session

from reelqueue.backoff import Backoff
from workers.runtime.context import Context

log = structlog.get_logger(__name__)

T = TypeVar("T")

_BACKOFF: Final = Backoff(first_seconds=0.05, longest_seconds=1)


def commit_with_retry(context: Context, write: Callable[[Session, datetime], T], *, for_seconds: float) -> T:
    """Commit a write in a transaction of its own, and again while the database cannot be reached.

    Args:
        context: The outside world.
        write: Gets the session and the time. It must bear running twice: where the answer to a commit is
            lost, it is unknown whether it was made.
        for_seconds: How long to go on trying.

    Returns:
        What the write that was committed returned.

    Raises:
        sqlalchemy.exc.OperationalError: The database is still away.
    """
    give_up_at = context.host.seconds() + for_seconds
    failures = 0
    while True:
        try:
            with context.sessions.begin() as session:
                return write(session, context.clock.now(session))
        except (OperationalError, InterfaceError) as error:
            failures += 1
            pause_seconds = _BACKOFF.delay(failures)
            if context.host.seconds() + pause_seconds > give_up_at:
                raise
            log.warning("database.away", error=type(error.orig).__name__)
        context.host.sleep(pause_seconds)
