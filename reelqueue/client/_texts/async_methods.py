"""The asyncio client's calls on text jobs."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from datetime import datetime
from typing import Unpack
from uuid import UUID

import httpx

from reelqueue.client._drivers import AsyncDriver
from reelqueue.client._operations import filters
from reelqueue.client._steps import WAIT_SECONDS
from reelqueue.client._texts import operations as ops
from reelqueue.client._texts.following import Following
from reelqueue.client._texts.operations import Decision, RunningText
from reelqueue.qwen.client._reading import check_can_stream, event_source
from reelqueue.qwen.request import TextRequest
from reelqueue.schemas.texts import TextJob, TextPiece
from reelqueue.states import TextState
from reelqueue.texts.options import TextOptions


class AsyncTextCalls:
    """Text jobs on one server; arguments and errors as `TextCalls` has them."""

    def __init__(self, driver: AsyncDriver, retry_seconds: float) -> None:
        self._driver = driver
        self._retry_seconds = retry_seconds

    async def enqueue(
        self,
        request: TextRequest | Mapping[str, object] | None = None,
        *,
        idempotency_key: str | None = None,
        **options: Unpack[TextOptions],
    ) -> TextJob:
        """Store a text job; the server has it when this returns.

        Arguments and errors are those of `TextCalls.enqueue`.
        """
        return await self._driver.run(ops.enqueue(request, options, idempotency_key, self._retry_seconds))

    async def get(self, job_id: UUID | str) -> TextJob:
        """Return the job as it is now; as `TextCalls.get`."""
        return await self._driver.run(ops.get(job_id, self._retry_seconds))

    async def list(
        self,
        *,
        state: TextState | Sequence[TextState] | None = None,
        model: str | None = None,
        custom_id: str | None = None,
        campaign: str | None = None,
        metadata: Mapping[str, object] | None = None,
        created_after: datetime | None = None,
        created_before: datetime | None = None,
        page_size: int = 100,
    ) -> AsyncIterator[TextJob]:
        """Iterate over the jobs that match every filter, newest first; as `TextCalls.list`."""
        chosen = filters(
            TextState,
            state=state, model=model, mode=None, custom_id=custom_id, campaign=campaign, metadata=metadata,
            created_after=created_after, created_before=created_before, page_size=page_size,
        )  # fmt: skip
        cursor: str | None = None
        while True:
            page = await self._driver.run(ops.page(chosen, cursor, self._retry_seconds))
            for job in page.items:
                yield job
            cursor = page.next_cursor
            if cursor is None:
                return

    async def wait(
        self,
        job_id: UUID | str,
        timeout_seconds: float = WAIT_SECONDS,
        *,
        on_change: Callable[[TextJob], None] | None = None,
    ) -> TextJob:
        """Wait until the job has a whole answer, and return it; as `TextCalls.wait`."""
        return await self._driver.run(ops.wait(job_id, timeout_seconds, on_change))

    async def stream(self, job_id: UUID | str) -> AsyncIterator[TextPiece | TextJob]:
        """Follow a job: its record, and its answer while it comes; as `TextCalls.stream`."""
        check_can_stream()
        following = Following(job_id, self._retry_seconds)
        while not following.is_over:
            try:
                async with self._driver.follow(following.path, following.headers) as response:
                    if response.status_code == httpx.codes.NO_CONTENT:
                        return
                    if response.is_success:
                        async for event in event_source(response).aiter_sse():
                            for seen in following.take(event):
                                yield seen
                    else:
                        await response.aread()
                        following.refused(response)
            except httpx.TransportError as error:
                following.lost(error)
            if not following.is_over:
                await asyncio.sleep(following.pause_seconds())

    async def cancel(self, job_id: UUID | str, *, running: RunningText = "finish") -> TextJob:
        """Cancel the job, and return it as it is then; as `TextCalls.cancel`."""
        return await self._driver.run(ops.cancel(job_id, running, self._retry_seconds))

    async def decide(self, job_id: UUID | str, decision: Decision) -> TextJob:
        """Decide what becomes of a held job, and return it; as `TextCalls.decide`."""
        return await self._driver.run(ops.decide(job_id, decision))
