"""The blocking client."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from datetime import date, datetime
from functools import cached_property
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING, Self, Unpack
from uuid import UUID

import httpx

from reelqueue.client._connection import REQUEST_SECONDS, httpx_options
from reelqueue.client._drivers import SyncDriver
from reelqueue.client._steps import DOWNLOAD_SECONDS, RETRY_SECONDS, WAIT_SECONDS, Steps
from reelqueue.schemas.grouping import Grouping
from reelqueue.states import RenderState

if TYPE_CHECKING:
    # Not before they are needed: their models take longer to build than everything else of a client.
    from reelqueue.client._campaigns.sync_methods import CampaignCalls
    from reelqueue.client._operations import Operations, Running
    from reelqueue.client._texts.sync_methods import TextCalls
    from reelqueue.client._webhooks.sync_methods import WebhookCalls
    from reelqueue.requests.base import RenderRequest
    from reelqueue.requests.options import RequestOptions
    from reelqueue.schemas.catalog import ModelCards
    from reelqueue.schemas.jobs import Job, Preview
    from reelqueue.schemas.statement import Statement
    from reelqueue.schemas.why import Why


class Client:
    """A connection to a Reelqueue server; close it, or use it in a ``with`` block.

    Args:
        base_url: The API's address; default ``REELQUEUE_API_URL``, then ``http://127.0.0.1:8000``.
        api_key: The bearer key; default ``REELQUEUE_API_KEY``, then none, as a loopback server allows.
        timeout_seconds: Longest silence of the server within one request.
        retry_seconds: For how long a call is tried again while the server cannot be reached. Every
            call bears it: a submit carries an idempotency key. 0: one try.
        transport: Another httpx transport, such as a proxy or a test's.

    Raises:
        ConfigurationError: the URL or the key cannot be used.
    """

    def __init__(
        self,
        base_url: str | None = None,
        api_key: str | None = None,
        *,
        timeout_seconds: float = REQUEST_SECONDS,
        retry_seconds: float = RETRY_SECONDS,
        transport: httpx.BaseTransport | None = None,
    ) -> None:
        from reelqueue.client._operations import Operations

        http = httpx.Client(transport=transport, **httpx_options(base_url, api_key, timeout_seconds))
        self._driver = SyncDriver(http)
        self._operations = Operations(retry_seconds)

    @cached_property
    def campaigns(self) -> CampaignCalls:
        """Calls on campaigns: `put`, `submit_clips`, `get`, `pause`, `retry`, `export` and others."""
        from reelqueue.client._campaigns.sync_methods import CampaignCalls

        return CampaignCalls(self._driver, self._operations.retry_seconds)

    @cached_property
    def texts(self) -> TextCalls:
        """Calls on text jobs: `enqueue`, `wait`, `stream`, `list` and others."""
        from reelqueue.client._texts.sync_methods import TextCalls

        return TextCalls(self._driver, self._operations.retry_seconds)

    @cached_property
    def webhooks(self) -> WebhookCalls:
        """Calls on webhook endpoints: `make`, `list`, `test`, `deliveries` and others."""
        from reelqueue.client._webhooks.sync_methods import WebhookCalls

        return WebhookCalls(self._driver, self._operations.retry_seconds)

    def submit(
        self,
        request: RenderRequest | Mapping[str, object] | None = None,
        *,
        idempotency_key: str | None = None,
        **options: Unpack[RequestOptions],
    ) -> RenderJobHandle:
        """Submit a render job; the server has stored it when this returns.

        Args:
            request: A request object, or its options as a mapping; keyword options are added to it.
            idempotency_key: The same key again gives the same job, whenever it comes; default a fresh one.
            **options: Options of the request, such as ``model`` and ``prompt``.

        Raises:
            InvalidRequestError: the model does not take the request; nothing was stored.
            ConflictError: the idempotency key belongs to another request.
            UnavailableError: the server cannot be reached; with the same key it is safe to try again.
        """
        return self._handle(self._operations.submit(request, options, idempotency_key))

    def submit_many(
        self,
        requests: Iterable[RenderRequest | Mapping[str, object]],
        *,
        idempotency_keys: Iterable[str] | None = None,
    ) -> list[RenderJobHandle]:
        """Submit up to 1,000 render jobs in one call, all or none; the server has stored them when this returns.

        Args:
            requests: Request objects, or their options as mappings.
            idempotency_keys: One for each; the same key again gives the same job. Default fresh ones.

        Raises:
            InvalidRequestError: a request cannot be rendered, or there are too many; *field* names it, such as
                ``jobs.3.request.duration``. Nothing was stored.
            ConflictError: a key belongs to another request; nothing was stored.
            UnavailableError: the server cannot be reached; with the same keys it is safe to try again.
        """
        jobs = self._driver.run(self._operations.submit_many(requests, idempotency_keys))
        return [RenderJobHandle(self._driver, self._operations, job) for job in jobs]

    def preview(
        self, request: RenderRequest | Mapping[str, object] | None = None, **options: Unpack[RequestOptions]
    ) -> Preview:
        """Return what the provider would be sent for a request, and its price; nothing is stored or sent."""
        return self._driver.run(self._operations.preview(request, options))

    def get(self, job_id: UUID | str) -> RenderJobHandle:
        """Return a handle of the job with this id.

        Raises:
            NotFoundError: there is none, or it belongs to another key.
        """
        return self._handle(self._operations.get(job_id))

    def jobs(
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
    ) -> Iterator[Job]:
        """Iterate over the jobs that match every filter, newest first, reading a page at a time.

        Args:
            state: In this state, or in one of these.
            model: Of this model.
            mode: Such as ``image-to-video``.
            custom_id: With this name of your own.
            campaign: Of the campaign with this name; ``default`` for jobs that were submitted by themselves.
            metadata: Whose metadata holds each of these names with this value.
            created_after: Enqueued at this moment or later; with a time zone.
            created_before: Enqueued before this moment; with a time zone.
            page_size: Jobs of one request to the server.

        Raises:
            InvalidRequestError: a moment has no time zone, or *metadata* is not JSON.
        """
        from reelqueue.client._operations import filters

        chosen = filters(
            RenderState,
            state=state, model=model, mode=mode, custom_id=custom_id, campaign=campaign, metadata=metadata,
            created_after=created_after, created_before=created_before, page_size=page_size,
        )  # fmt: skip
        cursor: str | None = None
        while True:
            page = self._driver.run(self._operations.page(chosen, cursor))
            yield from page.items
            cursor = page.next_cursor
            if cursor is None:
                return

    def models(self) -> ModelCards:
        """Return the models that the server's catalog describes."""
        return self._driver.run(self._operations.models())

    def statement(
        self, *, by: Grouping = Grouping.DAY, first_day: date | None = None, last_day: date | None = None
    ) -> Statement:
        """Return what was paid, beside what was reserved for it.

        Args:
            by: What the lines are about.
            first_day: Of UTC, included; None: from the beginning.
            last_day: Of UTC, included; None: up to now.
        """
        return self._driver.run(self._operations.statement(by, first_day, last_day))

    def close(self) -> None:
        """Close the connections."""
        self._driver.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self.close()

    def _handle(self, steps: Steps[Job]) -> RenderJobHandle:
        return RenderJobHandle(self._driver, self._operations, self._driver.run(steps))


class RenderJobHandle:
    """One render job on one server."""

    def __init__(self, driver: SyncDriver, operations: Operations, job: Job) -> None:
        self._driver = driver
        self._operations = operations
        self.job: Job = job
        """The job as last read."""

    def __repr__(self) -> str:
        return f"<RenderJobHandle {self.id} {self.job.state}>"

    @property
    def id(self) -> UUID:
        """The job's id."""
        return self.job.id

    def state(self) -> RenderState:
        """Ask the server for the job, and return its state; `job.state` is that of the last time."""
        self.job = self._driver.run(self._operations.get(self.id))
        return self.job.state

    def wait(self, timeout_seconds: float = WAIT_SECONDS, *, on_change: Callable[[Job], None] | None = None) -> Job:
        """Wait until the job has succeeded, and return it.

        Args:
            timeout_seconds: Longest wait. The job does not notice when a wait ends.
            on_change: Called with the job at first and whenever something about it has changed.

        Raises:
            RenderJobError: the job ended without a video.
            WaitTimeoutError: the wait ended first.
            UnavailableError: the server could not be reached at the wait's end.
        """
        self.job = self._driver.run(self._operations.wait(self.id, timeout_seconds, on_change))
        return self.job

    def why(self) -> Why:
        """Return what the job waits for now, and what changes that; of one that has ended, how."""
        return self._driver.run(self._operations.why(self.id))

    def cancel(self, *, running: Running = "finish") -> Job:
        """Cancel the job, and return it as it is then.

        Args:
            running: A video that the provider is rendering already cannot be stopped and is billed:
                ``finish`` collects it after all, ``abandon`` leaves it there.

        Raises:
            ConflictError: the job is past stopping.
        """
        self.job = self._driver.run(self._operations.cancel(self.id, running))
        return self.job

    def download(self, path: str | os.PathLike[str], *, timeout_seconds: float = DOWNLOAD_SECONDS) -> Path:
        """Download the video to *path*, or into it where it is a folder, and return its path.

        The file appears whole and with the checksum that the server promised, or not at all.

        Raises:
            RenderJobError: there is no stored video.
            UnavailableError: it did not arrive whole within *timeout_seconds*.
        """
        return self._driver.run(self._operations.download(self.id, Path(path), timeout_seconds))
