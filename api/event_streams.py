"""Server-sent events: each watched thing has one reader per process, whatever the number of its listeners.

A listener holds no database connection. While there is a listener, the reader of a subject reads it once a tick on a
thread of its own, and every listener of the subject gets the newest snapshot; a slow one skips those between. A stream
ends when its subject has ended, and with an event of its own when the key that opened it is no longer valid.

    async with context.streams.listen(Subscriber(tenant_id, key_id), ("campaign", id), read) as listener:
        ...  # a dependency that lasts as long as the answer
    EventSourceResponse(listener.events(last_event_id))
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Collection, Hashable
from concurrent.futures import ThreadPoolExecutor
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from functools import partial
from typing import Final, TypeVar
from uuid import UUID

import structlog
from fastapi.sse import KEEPALIVE_COMMENT, format_sse_event
from sqlalchemy import exc, select
from sqlalchemy.orm import Session, sessionmaker

from api.problem_details import RETRY_AFTER_SECONDS, ProblemError
from models.api_key import IS_VALID, ApiKey

log = structlog.get_logger(__name__)

EVENT_STREAM: Final = "text/event-stream"
UNAUTHORIZED: Final = "unauthorized"
"""The last event of a stream whose key is no longer valid."""
TICK_SECONDS: Final = 1.0
PING_SECONDS: Final = 15.0
"""A comment after this long without an event keeps proxies from closing a quiet connection."""
RECONNECT_MS: Final = 2000
READERS_AT_ONCE: Final = 4
"""Threads and database connections that all streams of this process use together."""

T = TypeVar("T")


@dataclass(frozen=True)
class Snapshot:
    """What listeners are sent about a subject at one time."""

    version: str
    """The event's id: another one whenever something has changed."""
    event: str
    """The event's name."""
    data: str
    """One line of JSON."""
    is_last: bool
    """Whether the subject has ended, so that nothing follows."""


Read = Callable[[Session], Snapshot]


@dataclass(frozen=True)
class Subscriber:
    """Who opens a stream."""

    tenant_id: UUID | None
    key_id: UUID | None
    """The key whose end ends the stream."""


class Listener:
    """One open stream."""

    def __init__(self, subscriber: Subscriber) -> None:
        self.subscriber = subscriber
        self._snapshot: Snapshot | None = None
        self._error: Exception | None = None
        self._is_closed = False
        self._is_unauthorized = False
        self._woken = asyncio.Event()

    @property
    def snapshot(self) -> Snapshot | None:
        """The newest."""
        return self._snapshot

    @property
    def is_closed(self) -> bool:
        """Whether no newer one will come."""
        return self._is_closed

    @property
    def is_unauthorized(self) -> bool:
        """Whether the key that opened the stream is no longer valid."""
        return self._is_unauthorized

    def show(self, snapshot: Snapshot) -> None:
        """Take the newest snapshot."""
        self._snapshot = snapshot
        self._woken.set()

    def close(self, error: Exception | None = None) -> None:
        """End the stream."""
        self._error, self._is_closed = error, True
        self._woken.set()

    def refuse(self) -> None:
        """End the stream of a key that is no longer valid."""
        self._is_unauthorized = True
        self.close()

    async def first(self) -> None:
        """Wait for the first snapshot.

        Raises:
            Exception: It could not be read.
        """
        await self._woken.wait()
        if self._snapshot is None and self._error is not None:
            raise self._error

    def is_up_to_date(self, last_event_id: str | None) -> bool:
        """Whether the subject has ended and the client has its last event already."""
        snapshot = self._snapshot
        return snapshot is not None and snapshot.is_last and snapshot.version == last_event_id

    async def events(self, last_event_id: str | None) -> AsyncIterator[bytes]:
        """Each newer snapshot as an event; `end` after the last, `unauthorized` where the key has ended."""
        yield format_sse_event(retry=RECONNECT_MS)
        while True:
            try:
                await asyncio.wait_for(self._woken.wait(), PING_SECONDS)
            except TimeoutError:
                yield KEEPALIVE_COMMENT
                continue
            self._woken.clear()
            if self._is_unauthorized:  # else a page would connect again, and learn nothing from the refusal
                yield format_sse_event(event=UNAUTHORIZED, data_str="{}")
                return
            if self._is_closed or self._snapshot is None:
                return
            snapshot = self._snapshot
            if snapshot.version != last_event_id:
                yield format_sse_event(id=snapshot.version, event=snapshot.event, data_str=snapshot.data)
                last_event_id = snapshot.version
            if snapshot.is_last:
                yield format_sse_event(event="end", data_str="{}")
                return


@dataclass
class _Feed:
    """A subject, its reader, and who listens."""

    read: Read
    listeners: set[Listener] = field(default_factory=set)
    latest: Snapshot | None = None
    task: asyncio.Task[None] | None = None


class EventStreams:
    """The open streams of one API process; used from its event loop only."""

    def __init__(self, sessions: sessionmaker[Session], *, tenant_max: int, process_max: int) -> None:
        self._sessions = sessions
        self._tenant_max = tenant_max
        self._process_max = process_max
        self._feeds: dict[Hashable, _Feed] = {}
        self._listeners: set[Listener] = set()
        self._executor = ThreadPoolExecutor(READERS_AT_ONCE, thread_name_prefix="events")
        self._key_check: asyncio.Task[None] | None = None

    @asynccontextmanager
    async def listen(self, subscriber: Subscriber, subject: Hashable, read: Read) -> AsyncIterator[Listener]:
        """A listener of a subject that has its first snapshot; hold no session while it is open.

        Args:
            subscriber: Who listens; whether they may is for the caller to know.
            subject: What is watched: equal subjects share a reader.
            read: Reads it, with a session of its own.

        Raises:
            ProblemError: 503 where the tenant or the process has its most listeners.
        """
        self._check_room(subscriber)
        listener = Listener(subscriber)
        feed = self._join(listener, subject, read)
        try:
            await listener.first()
            yield listener
        finally:
            self._listeners.discard(listener)
            feed.listeners.discard(listener)
            if not feed.listeners:
                self._end(subject, feed)

    def close(self) -> None:
        """Wait for what is being read; nothing more is."""
        self._executor.shutdown(cancel_futures=True)

    def _check_room(self, subscriber: Subscriber) -> None:
        of_tenant = sum(one.subscriber.tenant_id == subscriber.tenant_id for one in self._listeners)
        if of_tenant >= self._tenant_max or len(self._listeners) >= self._process_max:
            raise ProblemError(
                503,
                "too_many_listeners",
                f"this tenant has {of_tenant} event streams open of at most {self._tenant_max}, and all have "
                f"{len(self._listeners)} of {self._process_max}; close some, or read the resource itself now and then",
                headers={"Retry-After": str(RETRY_AFTER_SECONDS)},
            )

    def _join(self, listener: Listener, subject: Hashable, read: Read) -> _Feed:
        feed = self._feeds.get(subject)
        if feed is None:
            feed = self._feeds[subject] = _Feed(read)
            feed.task = asyncio.create_task(self._follow(subject, feed))
        feed.listeners.add(listener)
        if feed.latest is not None:
            listener.show(feed.latest)
        self._listeners.add(listener)
        if listener.subscriber.key_id is not None and (self._key_check is None or self._key_check.done()):
            self._key_check = asyncio.create_task(self._check_keys())
        return feed

    def _end(self, subject: Hashable, feed: _Feed) -> None:
        if self._feeds.get(subject) is feed:  # one that has ended by itself may have a successor
            del self._feeds[subject]
        if feed.task is not None:
            feed.task.cancel()

    async def _follow(self, subject: Hashable, feed: _Feed) -> None:
        try:
            await self._look(feed)
            while feed.latest is not None and not feed.latest.is_last:
                await asyncio.sleep(TICK_SECONDS)
                await self._look(feed)
        except Exception as error:  # noqa: BLE001 - raised by who waits for the first, and logged for those after it
            log.warning("events.reader_failed", subject=str(subject), error=type(error).__name__)
            for listener in feed.listeners:
                listener.close(error)
        finally:
            if self._feeds.get(subject) is feed:
                del self._feeds[subject]

    async def _look(self, feed: _Feed) -> None:
        try:
            feed.latest = await self._read(feed.read)
        except (exc.OperationalError, exc.InterfaceError, exc.TimeoutError) as error:
            if feed.latest is None:
                raise
            log.warning("events.database_unavailable", error=type(error).__name__)  # the next tick tries again
            return
        for listener in feed.listeners:
            listener.show(feed.latest)

    async def _read(self, read: Callable[[Session], T]) -> T:
        return await asyncio.get_running_loop().run_in_executor(self._executor, self._in_session, read)

    def _in_session(self, read: Callable[[Session], T]) -> T:
        with self._sessions() as session:
            return read(session)

    async def _check_keys(self) -> None:
        """Close the streams of keys that are no longer valid."""
        while keys := {one.subscriber.key_id for one in self._listeners} - {None}:
            await asyncio.sleep(TICK_SECONDS)
            try:
                valid = await self._read(partial(_valid_keys, key_ids=keys))
            except exc.SQLAlchemyError as error:
                log.warning("events.database_unavailable", error=type(error).__name__)
                continue
            for listener in self._listeners:
                if listener.subscriber.key_id in keys - valid:
                    listener.refuse()


def _valid_keys(session: Session, *, key_ids: Collection[UUID | None]) -> set[UUID | None]:
    return set(session.scalars(select(ApiKey.id).where(ApiKey.id.in_(key_ids), *IS_VALID)))
