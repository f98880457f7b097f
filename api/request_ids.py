"""An id for each request, by which a caller's question leads to the log: the caller's own, or a new one."""

from __future__ import annotations

import re
from typing import Final
from uuid import uuid4

import structlog
from starlette.datastructures import Headers, MutableHeaders
from starlette.types import ASGIApp, Message, Receive, Scope, Send

HEADER: Final = "X-Request-Id"
_FIELD: Final = "request_id"
_GIVEN: Final = re.compile(r"[A-Za-z0-9._:/+=-]{1,128}")
"""Of a caller: anything that is one word in a log line; another one is replaced."""


class RequestIds:
    """Middleware that gives each request an id: in its log lines, in its answer, in a problem's body.

    Each request is served by a task of its own, so the id needs no taking back.
    """

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve a request."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        given = Headers(scope=scope).get(HEADER, "")
        request_id = given if _GIVEN.fullmatch(given) else uuid4().hex
        structlog.contextvars.bind_contextvars(**{_FIELD: request_id})

        async def send_with_id(message: Message) -> None:
            if message["type"] == "http.response.start":
                MutableHeaders(scope=message)[HEADER] = request_id
            await send(message)

        await self._app(scope, receive, send_with_id)


def current_request_id() -> str | None:
    """The id of the request that is being served; None outside one."""
    found: str | None = structlog.contextvars.get_contextvars().get(_FIELD)
    return found
