"""An app that keeps a number of clips under way, whatever happens."""

from __future__ import annotations

import time
from typing import Final

from kombu.exceptions import OperationalError
from sqlalchemy import func, select, text
from sqlalchemy.exc import DBAPIError
from sqlalchemy.orm import Session

from embedded.chaos.harness import Harness
from embedded.chaos.reconcile_bill import Order
from models import RenderJob
from models.operations.jobs.enqueue import enqueue_render_job
from models.session import DatabaseClock
from reelqueue import messages
from reelqueue.requests.parse import parse_request
from reelqueue.states import TERMINAL

_LOOK_SECONDS: Final = 0.2


class Load:
    """Enqueues as the API does: a committed row first, then the hint; what was not committed comes again."""

    def __init__(self, world: Harness, *, in_flight: int) -> None:
        self._world = world
        self._in_flight = in_flight
        self._waiting: list[Order] = []
        """Orders that are not known to be stored."""
        self._looked_at = 0.0
        self.is_over = False
        """Whether nothing new is ordered any more; what was ordered is still stored."""

    def tick(self) -> None:
        """Fill up; called often."""
        if time.monotonic() - self._looked_at < _LOOK_SECONDS:
            return
        self._looked_at = time.monotonic()
        try:
            self._store()
        except (DBAPIError, OperationalError):  # later, under the same keys
            return

    @property
    def is_stored(self) -> bool:
        """Whether every order has become a job."""
        return not self._waiting

    def _store(self) -> None:
        with Session(self._world.engine) as session, session.begin():
            unfinished = select(func.count()).where(RenderJob.state.not_in(TERMINAL))
            missing = self._in_flight - session.scalars(unfinished).one() - len(self._waiting)
            self._waiting += [] if self.is_over else [self._world.order() for _ in range(missing)]
            now = DatabaseClock().now(session)
            for order in self._waiting:
                request = parse_request(self._world.request(order))
                enqueue_render_job(session, request, now=now, idempotency_key=order.key)
        if self._waiting:
            self._waiting.clear()
            self._world.send(messages.CONTROL_DISPATCH)


def finished_per_second(world: Harness, *, seconds: float) -> float:
    """How many jobs have ended per second of late."""
    with Session(world.engine) as session:
        late = RenderJob.finished_at > func.now() - text(f"interval '{seconds:g} seconds'")
        return session.scalars(select(func.count()).where(late)).one() / seconds
