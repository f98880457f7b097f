"""How uvicorn serves the API: with a limit on connections, and on the time that a request's head takes."""

from __future__ import annotations

import asyncio
from typing import Any, Final

import h11
import uvicorn
from fastapi import FastAPI
from uvicorn.protocols.http.h11_impl import H11Protocol

from api.settings import ApiSettings

HEAD_SECONDS: Final = 10.0
"""From a connection's beginning, or from a request's first byte, to the end of the request's headers."""


class TimeLimitedProtocol(H11Protocol):
    """uvicorn's own protocol, which would keep half a request for ever."""

    _head_timer: asyncio.TimerHandle | None = None

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override] # as uvicorn's
        """Begin to wait for the first request."""
        super().connection_made(transport)
        self._watch_head()

    def data_received(self, data: bytes) -> None:
        """Read on; a head that goes on to arrive gets no more time for that."""
        super().data_received(data)
        self._watch_head()

    def connection_lost(self, exc: Exception | None) -> None:
        """Wait no more."""
        self._stop_watching()
        super().connection_lost(exc)

    def _watch_head(self) -> None:
        if self.conn.their_state is not h11.IDLE:
            self._stop_watching()
        elif self._head_timer is None:
            self._head_timer = self.loop.call_later(HEAD_SECONDS, self.timeout_keep_alive_handler)

    def _stop_watching(self) -> None:
        if self._head_timer is not None:
            self._head_timer.cancel()
            self._head_timer = None


def server_config(app: FastAPI, settings: ApiSettings, **options: Any) -> uvicorn.Config:
    """The configuration of a server of *app*; *options* say where it listens."""
    return uvicorn.Config(
        app, http=TimeLimitedProtocol, limit_concurrency=settings.api_connections, server_header=False, **options
    )
