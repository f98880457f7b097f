"""The events of one text job: its record from Postgres, and between its versions the pieces of its answer from Redis.

The record is the truth: should Redis be empty, flushed or down, a listener still gets it when it changes.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator
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


async def live_events(
    listener: Listener, connection: redis.asyncio.Redis, job_id: UUID, last_event_id: str | None
) -> AsyncIterator[bytes]:
    """Pieces and records as events, pieces before the record that they led to.

    Args:
        listener: Of the job's record.
        connection: To the answers that come.
        job_id: The job.
        last_event_id: What the client saw last: a piece's id goes on behind it, anything else begins at the start.
    """
    after = last_event_id if last_event_id is not None and is_entry_id(last_event_id) else FROM_THE_START
    shown: Snapshot | None = None
    said_at = time.monotonic()
    yield format_sse_event(retry=RECONNECT_MS)
    while True:
        snapshot, is_closed = listener.snapshot, listener.is_closed
        is_new = snapshot != shown
        pieces = await _pieces(connection, job_id, after, wait_seconds=0.0 if is_new or is_closed else TICK_SECONDS)
        for piece in pieces:
            after = piece.id
            if piece.kind in _PIECE_KINDS:
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


async def _pieces(connection: redis.asyncio.Redis, job_id: UUID, after: str, *, wait_seconds: float) -> list[LivePiece]:
    try:
        return await read_pieces(connection, job_id, after=after, wait_seconds=wait_seconds)
    except (redis.RedisError, OSError) as error:
        log.warning("live_answer.unreadable", error=type(error).__name__, remedy="listeners are given the record")
        await asyncio.sleep(wait_seconds)
        return []


def _event(piece: LivePiece) -> bytes:
    kind = piece.kind
    data = TextPiece.model_validate({"kind": kind, "text": piece.text, "index": piece.index})
    return format_sse_event(id=piece.id, event=kind, data_str=data.model_dump_json(exclude={"kind"}))
