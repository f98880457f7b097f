"""The events of one text job: its record from Postgres, and between its versions the pieces of its answer from Redis.

The record is the truth: should Redis be empty, flushed or down, a listener still gets it when it changes.
All listeners of a process share one reader, which waits on one connection for the pieces of every job that is watched.
"""

from __future__ import annotations

import asyncio
import time
from bisect import bisect_right
from collections.abc import AsyncIterator, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from typing import Final
from uuid import UUID

import redis.asyncio
import structlog
from fastapi.sse import KEEPALIVE_COMMENT, format_sse_event

from api.event_streams import PING_SECONDS, RECONNECT_MS, TICK_SECONDS, UNAUTHORIZED, Listener, Snapshot
from models.operations.texts.live_answers import FROM_THE_START, LivePiece, is_entry_id, read_pieces
from reelqueue.schemas.texts import TextPiece

log = structlog.get_logger(__name__)

_PIECE_KINDS: Final = frozenset({"begin", "text", "reasoning", "tool_call"})
_WAIT_SECONDS: Final = 0.2
"""How long the reader waits for pieces before it looks for newly watched jobs."""


@dataclass(eq=False)
class Watch:
    """The pieces of a job that is watched, from the beginning, for all its listeners."""

    pieces: list[LivePiece] = field(default_factory=list)
    listener_count: int = 0
    news: asyncio.Event = field(default_factory=asyncio.Event)
    """Set when there are more pieces; another event stands for those after them."""

    @property
    def last_id(self) -> str:
        """To read on from."""
        return self.pieces[-1].id if self.pieces else FROM_THE_START

    def after(self, entry_id: str) -> list[LivePiece]:
        """The pieces behind one that a listener has seen."""
        return self.pieces[bisect_right(self.pieces, _order(entry_id), key=lambda piece: _order(piece.id)) :]

    def add(self, pieces: list[LivePiece]) -> None:
        """Append what is new of some pieces."""
        last = _order(self.last_id)
        new = [piece for piece in pieces if _order(piece.id) > last]
        if new:
            self.pieces += new
            news, self.news = self.news, asyncio.Event()
            news.set()


class LiveAnswers:
    """The answers that are watched in one API process; used from its event loop only.

    Args:
        connection: To Redis; its pool gives the reader one connection, and each first look one for a moment.
    """

    def __init__(self, connection: redis.asyncio.Redis) -> None:
        self._connection = connection
        self._watches: dict[UUID, Watch] = {}
        self._reader: asyncio.Task[None] | None = None

    @contextmanager
    def watch(self, job_id: UUID) -> Iterator[Watch]:
        """The pieces of a job, shared with all who watch it."""
        watch = self._watches.setdefault(job_id, Watch())
        watch.listener_count += 1
        if self._reader is None or self._reader.done():
            self._reader = asyncio.create_task(self._read_on())
        try:
            yield watch
        finally:
            watch.listener_count -= 1
            if not watch.listener_count:
                del self._watches[job_id]

    async def look(self, job_id: UUID, watch: Watch) -> None:
        """Read what is there now."""
        await self._read({job_id: watch}, wait_seconds=0)

    async def close(self) -> None:
        """Read nothing more."""
        if self._reader is not None:
            self._reader.cancel()
        await self._connection.aclose()

    async def _read_on(self) -> None:
        while self._watches:
            await self._read(dict(self._watches), wait_seconds=_WAIT_SECONDS)

    async def _read(self, watches: dict[UUID, Watch], *, wait_seconds: float) -> None:
        positions = {job_id: watch.last_id for job_id, watch in watches.items()}
        try:
            found = await read_pieces(self._connection, positions, wait_seconds=wait_seconds)
        except (redis.RedisError, OSError) as error:
            log.warning("live_answer.unreadable", error=type(error).__name__, remedy="listeners are given the record")
            await asyncio.sleep(wait_seconds)
            return
        for job_id, pieces in found.items():
            watches[job_id].add(pieces)


async def live_events(
    listener: Listener, answers: LiveAnswers, job_id: UUID, last_event_id: str | None
) -> AsyncIterator[bytes]:
    """Pieces and records as events, pieces before the record that they led to.

    Args:
        listener: Of the job's record.
        answers: That are watched in this process.
        job_id: The job.
        last_event_id: What the client saw last: a piece's id goes on behind it, anything else begins at the start.
    """
    after = last_event_id if last_event_id is not None and is_entry_id(last_event_id) else FROM_THE_START
    shown: Snapshot | None = None
    said_at = time.monotonic()
    yield format_sse_event(retry=RECONNECT_MS)
    with answers.watch(job_id) as watch:
        while True:
            snapshot, is_closed = listener.snapshot, listener.is_closed
            is_new = snapshot != shown
            if is_new or is_closed:
                await answers.look(job_id, watch)  # what led to it
            else:
                await _wait(watch, after)
            pieces = watch.after(after)
            after = pieces[-1].id if pieces else after
            for piece in filter(_is_shown, pieces):
                yield _event(piece)
            if listener.is_unauthorized:
                yield format_sse_event(event=UNAUTHORIZED, data_str="{}")
                return
            if pieces or is_new:
                said_at = time.monotonic()
            elif is_closed:
                return
            elif time.monotonic() - said_at > PING_SECONDS:
                said_at = time.monotonic()
                yield KEEPALIVE_COMMENT
            if snapshot is None or not is_new or (snapshot.is_last and pieces):  # the last waits for every piece
                continue
            shown = snapshot
            # Only the last has an id: one that came between would make a client that comes back begin at the start.
            yield format_sse_event(
                id=snapshot.version if snapshot.is_last else None, event=snapshot.event, data_str=snapshot.data
            )
            if snapshot.is_last:
                yield format_sse_event(event="end", data_str="{}")
                return


async def _wait(watch: Watch, entry_id: str) -> None:
    """Wait for pieces behind one, no longer than until the record may have changed."""
    if watch.after(entry_id):
        return
    with suppress(TimeoutError):
        await asyncio.wait_for(watch.news.wait(), TICK_SECONDS)


def _order(entry_id: str) -> tuple[int, int]:
    """How Redis orders the ids of entries."""
    milliseconds, _, sequence = entry_id.partition("-")
    return int(milliseconds), int(sequence)


def _is_shown(piece: LivePiece) -> bool:
    return piece.kind in _PIECE_KINDS


def _event(piece: LivePiece) -> bytes:
    kind = piece.kind
    data = TextPiece.model_validate({"kind": kind, "text": piece.text, "index": piece.index})
    return format_sse_event(id=piece.id, event=kind, data_str=data.model_dump_json(exclude={"kind"}))
