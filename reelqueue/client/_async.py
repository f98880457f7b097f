"""The asyncio client: the same methods as the blocking one, awaited."""

from __future__ import annotations

import os
from collections.abc import AsyncIterator, Callable, Iterable, Mapping, Sequence
from datetime import date, datetime
from functools import cached_property
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING, Self, Unpack
from uuid import UUID

import httpx

from reelqueue.client._connection import REQUEST_SECONDS, httpx_options
from reelqueue.client._drivers import AsyncDriver
from reelqueue.client._steps import DOWNLOAD_SECONDS, RETRY_SECONDS, WAIT_SECONDS, Steps
from reelqueue.schemas.grouping import Grouping
from reelqueue.states import RenderState

if TYPE_CHECKING:
    # Not before they are needed: their models take longer to build than everything else of a client.
    from reelqueue.client._campaigns.async_methods import AsyncCampaignCalls
    from reelqueue.client._operations import Operations, Running
    from reelqueue.client._texts.async_methods import AsyncTextCalls
    from reelqueue.client._webhooks.async_methods import AsyncWebhookCalls
    from reelqueue.requests.base import RenderRequest
    from reelqueue.requests.options import RequestOptions
    from reelqueue.schemas.catalog import ModelCards
    from reelqueue.schemas.jobs import Job, Preview
    from reelqueue.schemas.statement import Statement
    from reelqueue.schemas.why import Why


class AsyncClient:
    """A connection to a Reelqueue server for asyncio; arguments and errors as `reelqueue.Client` has them."""

    def __init__(
        self,
        base_url: str | None = None,
        api_key: str | None = None,
        *,
        timeout_seconds: float = REQUEST_SECONDS,
        retry_seconds: float = RETRY_SECONDS,
        transport: httpx.AsyncBaseTransport | None = None,
    ) -> None:
        from reelqueue.client._operations import Operations

        http = httpx.AsyncClient(transport=transport, **httpx_options(base_url, api_key, timeout_seconds))
        self._driver = AsyncDriver(http)
        self._operations = Operations(retry_seconds)

    @cached_property
    def campaigns(self) -> AsyncCampaignCalls:
        """Calls on campaigns: `put`, `submit_clips`, `get`, `pause`, `retry`, `export` and others."""
        from reelqueue.client._campaigns.async_methods import AsyncCampaignCalls

        return AsyncCampaignCalls(self._driver, self._operations.retry_seconds)

    @cached_property
    def texts(self) -> AsyncTextCalls:
        """Calls on text jobs: `enqueue`, `wait`, `stream`, `list` and others."""
        from reelqueue.client._texts.async_methods import AsyncTextCalls

        return AsyncTextCalls(self._driver, self._operations.retry_seconds)

    @cached_property
    def webhooks(self) -> AsyncWebhookCalls:
        """Calls on webhook endpoints: `make`, `list`, `test`, `deliveries` and others."""
        from reelqueue.client._webhooks.async_methods import AsyncWebhookCalls

        return AsyncWebhookCalls(self._driver, self._operations.retry_seconds)

    async def submit(
        self,
        request: RenderRequest | Mapping[str, object] | None = None,
        *,
        idempotency_key: str | None = None,
        **options: Unpack[RequestOptions],
    ) -> AsyncRenderJobHandle:
        """Submit a render job; the server has stored it when this returns.

        Arguments and errors are those of `Client.submit`.
        """
        return await self._handle(self._operations.submit(request, options, idempotency_key))

    async def submit_many(
        self,
        requests: Iterable[RenderRequest | Mapping[str, object]],
        *,
        idempotency_keys: Iterable[str] | None = None,
    ) -> list[AsyncRenderJobHandle]:
        """Submit up to 1,000 render jobs in one call, all or none; the server has stored them when this returns.

        Arguments and errors are those of `Client.submit_many`.
        """
        jobs = await self._driver.run(self._operations.submit_many(requests, idempotency_keys))
        return [AsyncRenderJobHandle(self._driver, self._operations, job) for job in jobs]

    async def preview(
        self, request: RenderRequest | Mapping[str, object] | None = None, **options: Unpack[RequestOptions]
    ) -> Preview:
        """Return what the provider would be sent for a request, and its price; nothing is stored or sent."""
        return await self._driver.run(self._operations.preview(request, options))

    async def get(self, job_id: UUID | str) -> AsyncRenderJobHandle:
        """Return a handle of the job with this id.

        Arguments and errors are those of `Client.get`.
        """
        return await self._handle(self._operations.get(job_id))

    async def jobs(
        self,
        *,
        state: RenderState | Sequence[RenderState] | None = None,
        model: str | None = None,
        mode: str | None = None,
        custom_id: str | None = None,
        campaign: str | None = None,
        metadata: Mapping[str, object] | None = None,
        created_after: datetime | None = None,
        created_before: datetime | None = None,
        page_size: int = 100,
    ) -> AsyncIterator[Job]:
        """Iterate over the jobs that match every filter, newest first, reading a page at a time.

        Arguments and errors are those of `Client.jobs`.
        """
        from reelqueue.client._operations import filters

        chosen = filters(
            RenderState,
            state=state, model=model, mode=mode, custom_id=custom_id, campaign=campaign, metadata=metadata,
            created_after=created_after, created_before=created_before, page_size=page_size,
        )  # fmt: skip
        cursor: str | None = None
        while True:
            page = await self._driver.run(self._operations.page(chosen, cursor))
            for job in page.items:
                yield job
            cursor = page.next_cursor
            if cursor is None:
                return

    async def models(self) -> ModelCards:
        """Return the models that the server's catalog describes."""
        return await self._driver.run(self._operations.models())

    async def statement(
        self, *, by: Grouping = Grouping.DAY, first_day: date | None = None, last_day: date | None = None
    ) -> Statement:
        """Return what was paid, beside what was reserved for it.

        Arguments and errors are those of `Client.statement`.
        """
        return await self._driver.run(self._operations.statement(by, first_day, last_day))

    async def close(self) -> None:
        """Close the connections."""
        await self._driver.close()

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        await self.close()

    async def _handle(self, steps: Steps[Job]) -> AsyncRenderJobHandle:
        return AsyncRenderJobHandle(self._driver, self._operations, await self._driver.run(steps))


class AsyncRenderJobHandle:
    """One render job on one server."""

    def __init__(self, driver: AsyncDriver, operations: Operations, job: Job) -> None:
        self._driver = driver
        self._operations = operations
        self.job: Job = job
        """The job as last read."""

    def __repr__(self) -> str:
        return f"<AsyncRenderJobHandle {self.id} {self.job.state}>"

    @property
    def id(self) -> UUID:
        """The job's id."""
        return self.job.id

    async def state(self) -> RenderState:
        """Ask the server for the job, and return its state; `job.state` is that of the last time."""
        self.job = await self._driver.run(self._operations.get(self.id))
        return self.job.state

    async def wait(
        self, timeout_seconds: float = WAIT_SECONDS, *, on_change: Callable[[Job], None] | None = None
    ) -> Job:
        """Wait until the job has succeeded, and return it.

        Arguments and errors are those of `RenderJobHandle.wait`.
        """
        self.job = await self._driver.run(self._operations.wait(self.id, timeout_seconds, on_change))
        return self.job

    async def why(self) -> Why:
        """Return what the job waits for now, and what changes that; of one that has ended, how."""
        return await self._driver.run(self._operations.why(self.id))

    async def cancel(self, *, running: Running = "finish") -> Job:
        """Cancel the job, and return it as it is then.

        Arguments and errors are those of `RenderJobHandle.cancel`.
        """
        self.job = await self._driver.run(self._operations.cancel(self.id, running))
        return self.job

    async def download(self, path: str | os.PathLike[str], *, timeout_seconds: float = DOWNLOAD_SECONDS) -> Path:
        """Download the video to *path*, or into it where it is a folder, and return its path.

        Arguments and errors are those of `RenderJobHandle.download`.
        """
        return await self._driver.run(self._operations.download(self.id, Path(path), timeout_seconds))
