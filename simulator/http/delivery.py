"""Sending a reply, also in the ways in which no server should."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable

from starlette.responses import Response, StreamingResponse
from starlette.types import Receive, Scope, Send

from reelqueue.errors import ReelqueueError
from simulator.exchange.reply import EVENT_STREAM, Reply, compressed

ABORT = "abort"
"""Where the server's protocol leaves the function that closes a connection at once (``scope["state"]``)."""


class ConnectionDroppedError(ReelqueueError):
    """The connection would have been dropped here, were there one: the app is being called in-process."""


class DroppedResponse(Response):
    """Sends nothing, or a part, and closes the connection."""

    def __init__(self, sent_bytes: int = 0, **reply: object) -> None:
        super().__init__(**reply)  # type: ignore[arg-type]
        self._sent_bytes = sent_bytes

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Send the part, then close."""
        if self._sent_bytes:
            await self._send_part(send)
        _abort_of(scope)()
        await _client_gone(receive)

    async def _send_part(self, send: Send) -> None:
        await send({"type": "http.response.start", "status": self.status_code, "headers": self.raw_headers})
        part = bytes(self.body)[: self._sent_bytes]
        await send({"type": "http.response.body", "body": part, "more_body": True})


class StalledResponse(DroppedResponse):
    """Sends a part, and nothing more until the client gives up."""

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:  # noqa: ARG002
        """Send the part, then wait."""
        await self._send_part(send)
        await _client_gone(receive)


class SilentResponse(Response):
    """Never answers; ends when the client does."""

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:  # noqa: ARG002
        """Wait for the client to give up."""
        await _client_gone(receive)


def response_for(reply: Reply, *, headers: dict[str, str], accept_encoding: str, pause_seconds: float) -> Response:
    """The response that delivers *reply* as it says."""
    if reply.delivery == "drop":
        return DroppedResponse()
    if reply.delivery == "hang":
        return SilentResponse()
    if reply.response is not None:
        reply.response.headers.update(headers | reply.headers)
        return reply.response
    body, encoding = reply.body(), dict[str, str]()
    if reply.document is not None and reply.delivery == "normal":
        body, encoding = compressed(body, accept_encoding)
    headers = headers | reply.headers | encoding
    if reply.delivery == "trickle":
        pieces = _one_byte_at_a_time(body, pause_seconds)
        return StreamingResponse(pieces, reply.status, headers, reply.media_type)
    if reply.delivery in {"cut", "stall"}:
        kind = DroppedResponse if reply.delivery == "cut" else StalledResponse
        part = max(len(body) // 2, 1)
        return kind(part, content=body, status_code=reply.status, headers=headers, media_type=reply.media_type)
    if reply.media_type == EVENT_STREAM:
        return StreamingResponse(_event_by_event(body), reply.status, headers, reply.media_type)
    return Response(body, reply.status, headers, reply.media_type)


async def _event_by_event(body: bytes) -> AsyncIterator[bytes]:
    for each in body.split(b"\n\n")[:-1]:
        yield each + b"\n\n"


async def _one_byte_at_a_time(body: bytes, pause_seconds: float) -> AsyncIterator[bytes]:
    for position in range(len(body)):
        yield body[position : position + 1]
        await asyncio.sleep(pause_seconds)


def _abort_of(scope: Scope) -> Callable[[], None]:
    abort: Callable[[], None] | None = scope.get("state", {}).get(ABORT)
    if abort is None:
        raise ConnectionDroppedError("the simulator drops this connection; called in-process, it can only raise")
    return abort


async def _client_gone(receive: Receive) -> None:
    while (await receive())["type"] != "http.disconnect":
        pass
