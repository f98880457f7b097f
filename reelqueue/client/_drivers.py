"""Run an operation's steps, blocking or on asyncio; the only places that do I/O."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Mapping
from contextlib import AbstractAsyncContextManager, AbstractContextManager
from typing import Final, TypeVar

import httpx

from reelqueue.client._connection import CONNECT_SECONDS
from reelqueue.client._steps import Fetch, Pause, Step, Steps
from reelqueue.steps import run_steps, run_steps_async

T = TypeVar("T")

FOLLOWING: Final = httpx.Timeout(60.0, connect=CONNECT_SECONDS)
"""A server that is followed says something every 15 s."""


class SyncDriver:
    """Runs operations on a blocking connection, which it owns."""

    def __init__(self, http: httpx.Client) -> None:
        self._http = http

    def run(self, steps: Steps[T]) -> T:
        """The operation's result."""
        return run_steps(steps, self._perform, handled=httpx.TransportError)

    @property
    def base_url(self) -> str:
        """The API's address, without a slash at its end."""
        return str(self._http.base_url).rstrip("/")

    def close(self) -> None:
        """Close the connection."""
        self._http.close()

    def follow(self, path: str, headers: Mapping[str, str]) -> AbstractContextManager[httpx.Response]:
        """An answer that comes bit by bit, and may be silent for a while."""
        return self._http.stream("GET", path, headers=headers, timeout=FOLLOWING)

    def _perform(self, step: Step) -> httpx.Response | None:
        match step:
            case Pause():
                time.sleep(step.seconds)
                return None
            case Fetch():
                return self._fetch(step)
            case _:
                return self._http.request(
                    step.method,
                    step.path,
                    params=step.params,
                    content=step.content,
                    headers=step.headers,
                    timeout=step.timeout,
                )

    def _fetch(self, step: Fetch) -> httpx.Response:
        with self._http.stream("GET", step.path) as response:
            if not response.is_success:
                response.read()
                return response
            step.sink.restart()
            for chunk in response.iter_bytes():
                step.sink.write(chunk)
        return response


class AsyncDriver:
    """Runs operations on an asyncio connection, which it owns."""

    def __init__(self, http: httpx.AsyncClient) -> None:
        self._http = http

    async def run(self, steps: Steps[T]) -> T:
        """The operation's result."""
        return await run_steps_async(steps, self._perform, handled=httpx.TransportError)

    @property
    def base_url(self) -> str:
        """The API's address, without a slash at its end."""
        return str(self._http.base_url).rstrip("/")

    async def close(self) -> None:
        """Close the connection."""
        await self._http.aclose()

    def follow(self, path: str, headers: Mapping[str, str]) -> AbstractAsyncContextManager[httpx.Response]:
        """An answer that comes bit by bit, and may be silent for a while."""
        return self._http.stream("GET", path, headers=headers, timeout=FOLLOWING)

    async def _perform(self, step: Step) -> httpx.Response | None:
        match step:
            case Pause():
                await asyncio.sleep(step.seconds)
                return None
            case Fetch():
                return await self._fetch(step)
            case _:
                return await self._http.request(
                    step.method,
                    step.path,
                    params=step.params,
                    content=step.content,
                    headers=step.headers,
                    timeout=step.timeout,
                )

    async def _fetch(self, step: Fetch) -> httpx.Response:
        async with self._http.stream("GET", step.path) as response:
            if not response.is_success:
                await response.aread()
                return response
            step.sink.restart()
            async for chunk in response.aiter_bytes():
                # A slow disk must not stop the event loop.
                await asyncio.to_thread(step.sink.write, chunk)
        return response
