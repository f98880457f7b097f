"""Answers while they come: a capped Redis stream for each text job, for people who watch.

The record is in Postgres. What is here may be flushed, capped or cut at any time, and costs the live view only; so a
broker that does not answer is no error of the writer's. An entry's id is Redis's own, which a reader may go on from.

========= ============================= ==========================================================
kind      text                          means
========= ============================= ==========================================================
begin     the attempt's number          an attempt begins; what came before it is void
text      a piece of the answer
reasoning a piece of the thoughts
tool_call a piece of a call's arguments ``index`` says of which call
end       the job's state               the record says the rest; nothing follows, unless it is asked again
========= ============================= ==========================================================
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final, Literal, TypeAlias
from uuid import UUID

import redis
import redis.asyncio
import structlog

log = structlog.get_logger(__name__)

KIND: TypeAlias = Literal["begin", "text", "reasoning", "tool_call", "end"]

ENTRIES_MAX: Final = 20_000
"""Of one job; a stream has at most some thousands, since pieces are put together."""
KEPT_SECONDS: Final = 3600
FROM_THE_START: Final = "0-0"
_ENTRY_ID: Final = re.compile(r"[0-9]{1,19}-[0-9]{1,19}")
_ANSWER_SECONDS: Final = 1.0
_PIECE_CHARACTERS: Final = 65_536


@dataclass(frozen=True)
class LivePiece:
    """One entry."""

    id: str
    """To go on from."""
    kind: str
    text: str
    index: int
    """Of a tool call: which one."""


def key_of(job_id: UUID) -> str:
    """The stream of a job."""
    return f"reelqueue:text:{job_id}"


class LiveWriter:
    """Writes one job's pieces; used by one thread.

    Pieces of a kind are put together until `flush`, so that a fast model does not cost an entry for each token.

    Args:
        connection: To Redis; None: nothing is written.
        job_id: Whose.
    """

    def __init__(self, connection: redis.Redis | None, job_id: UUID) -> None:
        self._connection = connection
        self._key = key_of(job_id)
        self._kind: KIND = "text"
        self._index = 0
        self._waiting: list[str] = []

    def write(self, kind: KIND, text: str, index: int = 0) -> None:
        """Add a piece."""
        if self._waiting and (kind, index) != (self._kind, self._index):
            self.flush()
        self._kind, self._index = kind, index
        self._waiting.append(text)

    def flush(self) -> None:
        """Send what waits."""
        text = "".join(self._waiting)
        self._waiting.clear()
        for at in range(0, len(text), _PIECE_CHARACTERS):
            self._send(text[at : at + _PIECE_CHARACTERS])

    def close(self) -> None:
        """Send what waits, and close the connection."""
        self.flush()
        if self._connection is not None:
            self._connection.close()
            self._connection = None

    def _send(self, text: str) -> None:
        if self._connection is None:
            return
        # A model may write half a character, a lone surrogate, which has no UTF-8: it must not end the paid call.
        fields: dict[Any, Any] = {"kind": self._kind, "text": text.encode("utf-8", "replace"), "index": self._index}
        try:
            pipeline = self._connection.pipeline(transaction=False)
            pipeline.xadd(self._key, fields, maxlen=ENTRIES_MAX, approximate=True)
            pipeline.expire(self._key, KEPT_SECONDS)
            pipeline.execute()
        except (redis.RedisError, OSError) as error:
            # Every piece would wait for it; who watches is given the record at the end.
            self._connection = None
            log.warning("live_answer.lost", error=type(error).__name__, remedy="the record in Postgres is whole")


async def read_pieces(
    connection: redis.asyncio.Redis, after: Mapping[UUID, str], *, wait_seconds: float = 1.0
) -> dict[UUID, list[LivePiece]]:
    """New pieces of some jobs, as far as they are there; waits for the first, and gives none if none comes.

    Args:
        connection: To Redis.
        after: For each job, the id of the last piece that is known, as `is_entry_id` takes it; one that Redis does not
            know any more is no error.
        wait_seconds: How long to wait for the first.

    Raises:
        redis.RedisError: It does not answer.
    """
    keys = {key_of(job_id): job_id for job_id in after}
    positions: Any = {key: after[job_id] for key, job_id in keys.items()}
    found: Any = await connection.xread(positions, block=max(int(wait_seconds * 1000), 1))
    return {keys[key]: [_piece(*entry) for entry in entries] for key, entries in found or ()}


def is_entry_id(text: str) -> bool:
    """Whether a text can be the id of an entry: what a client sends back need not be one."""
    return _ENTRY_ID.fullmatch(text) is not None


def connect(url: str) -> redis.Redis:
    """A connection for writers, which gives up soon; None is reached before its first use.

    Args:
        url: The broker's, ``redis://…``.
    """
    return redis.Redis.from_url(
        _plain(url), socket_timeout=_ANSWER_SECONDS, socket_connect_timeout=_ANSWER_SECONDS, decode_responses=True
    )


def connect_async(url: str) -> redis.asyncio.Redis:
    """A connection for readers on an event loop.

    Args:
        url: The broker's, ``redis://…``.
    """
    return redis.asyncio.Redis.from_url(_plain(url), socket_connect_timeout=_ANSWER_SECONDS, decode_responses=True)


def _plain(url: str) -> str:
    """Celery spells a socket's path otherwise than redis-py does."""
    return url.replace("redis+socket://", "unix://", 1).replace("?virtual_host=", "?db=", 1)


def _piece(entry_id: str, fields: dict[str, str]) -> LivePiece:
    return LivePiece(entry_id, fields.get("kind", ""), fields.get("text", ""), int(fields.get("index", "0")))
