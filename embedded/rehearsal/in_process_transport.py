"""The wire between the steps and the simulator: a call of a function, so that nothing can reach a network."""

from __future__ import annotations

import asyncio
from concurrent.futures import ThreadPoolExecutor
from types import TracebackType
from typing import Final, Self

import httpx
from starlette.types import ASGIApp

ANSWER_SECONDS: Final = 0.2
"""What a call takes, of virtual time: about what a provider on another continent needs."""


class Wire(httpx.AsyncBaseTransport):
    """Carries every request of a rehearsal, whatever host it names, to the simulator in this process."""

    def __init__(self, app: ASGIApp) -> None:
        self._simulator = httpx.ASGITransport(app)
        # In a loop of real time: the simulator draws its clips in threads, which a virtual one cannot wait for.
        self._runner = asyncio.Runner()
        self._thread = ThreadPoolExecutor(1, thread_name_prefix="simulator")

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        """One exchange."""
        await request.aread()
        await asyncio.sleep(ANSWER_SECONDS)
        return self._thread.submit(self._runner.run, self._ask(request)).result()

    async def _ask(self, request: httpx.Request) -> httpx.Response:
        answer = await self._simulator.handle_async_request(request)
        # Raw, as it would travel: the caller's client decodes it.
        body = b"".join([part async for part in answer.aiter_raw()])
        return httpx.Response(answer.status_code, headers=answer.headers, stream=httpx.ByteStream(body))

    def close(self) -> None:
        """Close its loop; the clients that use it only borrow it."""
        self._thread.submit(self._runner.close).result()
        self._thread.shutdown()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()
