"""An answer followed while it comes: what to do with each event, and when to connect again."""

from __future__ import annotations

import json
import time
from collections.abc import Iterator
from typing import TYPE_CHECKING, Final
from uuid import UUID

import httpx
from pydantic import ValidationError

from reelqueue.backoff import Backoff
from reelqueue.client._operations import uuid_of
from reelqueue.client._problems import error_from
from reelqueue.client._steps import TRY_AGAIN
from reelqueue.client._texts.operations import PATH
from reelqueue.errors import AuthenticationError, UnavailableError
from reelqueue.schemas.texts import TextJob, TextPiece

if TYPE_CHECKING:
    from httpx_sse import ServerSentEvent

_BACKOFF: Final = Backoff(first_seconds=0.2, longest_seconds=5, jitter=0.5)
_PIECES: Final = frozenset({"begin", "text", "reasoning", "tool_call"})


class Following:
    """One job's stream over all its connections.

    Args:
        job_id: The job.
        retry_seconds: For how long it is tried again while the server cannot be reached.
    """

    def __init__(self, job_id: UUID | str, retry_seconds: float) -> None:
        self.path = f"{PATH}/{uuid_of(job_id)}/events"
        self.is_over = False
        self._retry_seconds = retry_seconds
        self._last_id = ""
        self._failures = 0
        self._good_at = time.monotonic()
        self._problem: Exception | None = None

    @property
    def headers(self) -> dict[str, str]:
        """Of the next connection, which goes on behind the last event."""
        return {"Accept": "text/event-stream"} | ({"Last-Event-ID": self._last_id} if self._last_id else {})

    def refused(self, response: httpx.Response) -> None:
        """Note an answer that is no stream, and whose body was read.

        Raises:
            ApiError: The server refuses for good.
        """
        error = error_from(response)
        if response.status_code not in TRY_AGAIN:
            raise error
        self._problem = error

    def lost(self, error: httpx.TransportError) -> None:
        """Note a connection that broke."""
        self._problem = error

    def take(self, event: ServerSentEvent) -> Iterator[TextPiece | TextJob]:
        """What an event says; nothing where a newer server sends a kind that is not known here.

        Raises:
            AuthenticationError: The key has ended.
        """
        self._failures, self._good_at = 0, time.monotonic()
        if event.event == "unauthorized":
            raise AuthenticationError(401, "unauthorized", "the key has been revoked or has expired")
        if event.event == "end":
            self.is_over = True
            return
        self._last_id = event.id or self._last_id
        if event.event == "job":
            yield TextJob.model_validate_json(event.data)
        elif event.event in _PIECES:
            try:
                yield TextPiece.model_validate({**json.loads(event.data), "kind": event.event})
            except (ValueError, ValidationError) as error:
                raise UnavailableError(f"{self.path}: an event is no piece of an answer: {error}") from error

    def pause_seconds(self) -> float:
        """How long to wait before the next connection.

        Raises:
            UnavailableError: It has been tried for long enough.
        """
        self._failures += 1
        pause = _BACKOFF.delay(self._failures)
        if time.monotonic() + pause - self._good_at > self._retry_seconds:
            seen = self._problem or "the stream ended early"
            raise UnavailableError(f"{self.path}: the answer cannot be followed: {seen}; the job goes on") from (
                self._problem
            )
        return pause
