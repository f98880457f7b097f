"""Headers that protect browsers, on every answer."""

from __future__ import annotations

from typing import Final

from starlette.datastructures import MutableHeaders
from starlette.types import ASGIApp, Message, Receive, Scope, Send

_FRAMED_BY_NONE: Final = "frame-ancestors 'none'"


class ProtectiveHeaders:
    """Middleware that keeps browsers from guessing content types and from showing answers in a frame.

    Pages bring a policy of their own, which also forbids frames.
    """

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve a request."""

        async def send_protected(message: Message) -> None:
            if message["type"] == "http.response.start":
                headers = MutableHeaders(scope=message)
                headers["X-Content-Type-Options"] = "nosniff"
                headers["X-Frame-Options"] = "DENY"
                headers.setdefault("Content-Security-Policy", _FRAMED_BY_NONE)
            await send(message)

        await self._app(scope, receive, send_protected)
