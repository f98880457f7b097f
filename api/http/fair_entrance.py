"""Lets a few requests of each key work at once, so that a burst of one does not go ahead of the others' requests."""

from __future__ import annotations

import asyncio
import hashlib
from collections import deque
from typing import Final

from fastapi import Request
from starlette.datastructures import Headers
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from api.problem_details import RETRY_AFTER_SECONDS, problem_response

ENTRANCE_SECONDS: Final = 30.0
"""A request that has waited longer behind others of its key is refused."""
_ENTRY: Final = "reelqueue.entry"
_OPEN_PATHS: Final = frozenset({"/healthz", "/readyz"})
"""Of supervisors, who come with no key and must not wait behind others without one."""


class _Line:
    """The requests of one key: those that work, and those that wait in the order in which they came."""

    def __init__(self) -> None:
        self.working_count = 0
        self.waiting: deque[asyncio.Future[None]] = deque()


class Entry:
    """A request's place among those of its key that work."""

    def __init__(self, lines: dict[bytes, _Line], key: bytes, working_max: int) -> None:
        self._lines = lines
        self._key = key
        self._working_max = working_max
        self._is_inside = False

    async def enter(self, *, is_begun: bool = False) -> None:
        """Wait until fewer than the most of this key work; a request that is begun goes before those that are not."""
        line = self._lines.setdefault(self._key, _Line())
        if line.working_count < self._working_max:
            line.working_count += 1
        else:
            turn: asyncio.Future[None] = asyncio.get_running_loop().create_future()
            (line.waiting.appendleft if is_begun else line.waiting.append)(turn)
            try:
                await turn  # a request that leaves passes its place on
            except asyncio.CancelledError:
                if turn.done() and not turn.cancelled():
                    self._pass_on(line)
                raise
        self._is_inside = True

    def leave(self) -> None:
        """Give the place to the next one; a second call does nothing."""
        if self._is_inside:
            self._is_inside = False
            self._pass_on(self._lines[self._key])

    def _pass_on(self, line: _Line) -> None:
        """Give a place to the first who still waits, or take it away."""
        while line.waiting:
            turn = line.waiting.popleft()
            if not turn.done():
                turn.set_result(None)
                return
        line.working_count -= 1
        if not line.working_count:
            del self._lines[self._key]


class FairEntrance:
    """Middleware before all work: a key's requests above its most wait here, where waiting costs nothing.

    A request works from its arrival to the head of its answer, but not while its body arrives.
    """

    def __init__(self, app: ASGIApp, *, working_max: int) -> None:
        self._app = app
        self._working_max = working_max
        self._lines: dict[bytes, _Line] = {}

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve a request."""
        if scope["type"] != "http" or scope["path"] in _OPEN_PATHS:
            await self._app(scope, receive, send)
            return
        entry = Entry(self._lines, _key_of(scope), self._working_max)
        try:
            async with asyncio.timeout(ENTRANCE_SECONDS):
                await entry.enter()
        except TimeoutError:
            answer = problem_response(
                503,
                "busy",
                f"other requests with this key have kept the API busy for {ENTRANCE_SECONDS:g} s; try again",
                headers={"Retry-After": str(RETRY_AFTER_SECONDS)},
            )
            await answer(scope, receive, send)
            return
        has_answered = False

        async def receive_outside() -> Message:
            entry.leave()
            message = await receive()
            if message["type"] == "http.request" and not message.get("more_body", False) and not has_answered:
                await entry.enter(is_begun=True)
            return message

        async def send_outside(message: Message) -> None:
            nonlocal has_answered
            has_answered = True
            entry.leave()
            await send(message)

        scope[_ENTRY] = entry
        try:
            await self._app(scope, receive_outside, send_outside)
        finally:
            entry.leave()


def leave_entrance(request: Request) -> None:
    """Let another request of the same key work, as this one goes on to wait; called from the event loop."""
    entry: Entry = request.scope[_ENTRY]
    entry.leave()


def _key_of(scope: Scope) -> bytes:
    """Whose request it is, as far as that is known before anything is looked up."""
    headers = Headers(scope=scope)
    shown = headers.get("authorization") or headers.get("cookie") or ""
    return hashlib.sha256(shown.encode()).digest()
