"""What the endpoints need: settings, sessions, archive and hints, opened and closed with the app."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Iterator
from dataclasses import dataclass
from datetime import datetime
from functools import partial
from typing import Annotated, Final, cast
from uuid import UUID

from anyio import CapacityLimiter
from celery import Celery
from fastapi import Depends, Request
from sqlalchemy import Engine, select
from sqlalchemy.orm import Session, sessionmaker

from api.dispatch_hints import DispatchHints, TextHints
from api.event_streams import EventStreams
from api.gallery.sheet_process import SheetProcess
from api.gallery.sheet_queue import SheetQueue
from api.live_answers import LiveAnswers
from api.problem_details import RETRY_AFTER_SECONDS, ProblemError
from api.quotas import Quotas
from api.settings import ApiSettings
from models.session import Clock
from models.storage import Archive
from models.text_job import TextJob
from reelqueue.pricing import region_of


@dataclass(frozen=True)
class ApiContext:
    """What every endpoint of one API process works with: settings, pools, queues and the clock."""

    settings: ApiSettings
    require_key: bool
    """Whether callers without a key are refused."""
    engine: Engine
    sessions: sessionmaker[Session]
    archive: Archive
    producer: Celery
    hints: DispatchHints
    text_hints: TextHints
    live: LiveAnswers
    """The answers that come, for those who watch."""
    session_secret: bytes
    """Signs what browsers show in place of a key."""
    streams: EventStreams
    sheets: SheetQueue
    sheet_process: SheetProcess
    """Used by the thread of the sheets."""
    quotas: Quotas
    bulk: CapacityLimiter
    """Pages of long answers that are made at once."""
    turns: asyncio.Semaphore
    """Requests that may hold a connection at once: fewer than the pool has, so that none waits for one in vain."""
    clock: Clock
    """Dates what the endpoints write."""

    def commit_and_hint(self, session: Session) -> None:
        """Commit what can let jobs move, then wake a dispatcher: a hint before the commit would find nothing."""
        session.commit()
        self.hints.request_dispatch()

    def commit_and_hint_text(self, session: Session, job_id: UUID) -> None:
        """Commit what lets a text job be asked, then wake a worker; one that is batched is gathered by the sweep."""
        is_batched = session.scalars(select(TextJob.is_batched).where(TextJob.id == job_id)).one()
        session.commit()
        if not is_batched:
            self.text_hints.request_answer(job_id)

    @property
    def region(self) -> str:
        """The provider's region, which prices depend on."""
        return region_of(self.settings.video_base_url)


TURN_SECONDS: Final = 10.0
"""A request that has waited longer for its turn at the database is refused."""


def context_of(request: Request) -> ApiContext:
    """The context of the app that *request* reached."""
    return cast("ApiContext", request.app.state.context)


async def _turn(request: Request) -> AsyncIterator[None]:
    """Wait on the event loop, where it costs nothing, until a connection is sure to be free.

    Raises:
        ProblemError: 503 where that takes too long.
    """
    turns = context_of(request).turns
    try:
        async with asyncio.timeout(TURN_SECONDS):
            await turns.acquire()
    except TimeoutError:
        raise ProblemError(
            503,
            "busy",
            f"the API has been busy with other requests for {TURN_SECONDS:g} s; try again",
            headers={"Retry-After": str(RETRY_AFTER_SECONDS)},
        ) from None
    try:
        yield
    finally:
        turns.release()


def _session(request: Request, _has_turn: Annotated[None, Depends(_turn, scope="function")]) -> Iterator[Session]:
    with context_of(request).sessions() as session:
        yield session


# Closed when the endpoint returns, not when the answer has been read: a slow reader holds no connection.
OpenSession = Annotated[Session, Depends(_session, scope="function")]
"""A session for one endpoint, which commits it itself."""

OpenContext = Annotated[ApiContext, Depends(context_of)]
"""What the endpoints of this process work with."""


def _clock(session: OpenSession, context: OpenContext) -> Callable[[], datetime]:
    return partial(context.clock.now, session)


OpenClock = Annotated[Callable[[], datetime], Depends(_clock, scope="function")]
"""Tells the time by the clock that dates the session's rows."""
