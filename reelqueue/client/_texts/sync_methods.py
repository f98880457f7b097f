"""The blocking client's calls on text jobs."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from datetime import datetime
from typing import Unpack
from uuid import UUID

import httpx

from reelqueue.client._drivers import SyncDriver
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


class TextCalls:
    """Text jobs on one server: questions to language models that are queued, asked once, and paid for."""

    def __init__(self, driver: SyncDriver, retry_seconds: float) -> None:
        self._driver = driver
        self._retry_seconds = retry_seconds

    def enqueue(
        self,
        request: TextRequest | Mapping[str, object] | None = None,
        *,
        idempotency_key: str | None = None,
        **options: Unpack[TextOptions],
    ) -> TextJob:
        """Store a text job; the server has it when this returns.

        Args:
            request: A request object, or its options as a mapping; keyword options are added to it.
            idempotency_key: The same key again gives the same job, whenever it comes; default a fresh one.
            **options: Options of the request, such as ``model`` and ``prompt``, and of the job: ``stream``,
                ``priority``, ``on_lost_answer``, ``max_cost``, ``start_by``, ``custom_id``, ``metadata``.

        Raises:
            InvalidRequestError: the model does not take the request; nothing was stored.
            ConflictError: the idempotency key belongs to another request.
            UnavailableError: the server cannot be reached; with the same key it is safe to try again.
        """
        return self._driver.run(ops.enqueue(request, options, idempotency_key, self._retry_seconds))

    def get(self, job_id: UUID | str) -> TextJob:
        """Return the job as it is now.

        Raises:
            NotFoundError: there is none, or it belongs to another key.
        """
        return self._driver.run(ops.get(job_id, self._retry_seconds))

    def list(
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
    ) -> Iterator[TextJob]:
        """Iterate over the jobs that match every filter, newest first, reading a page at a time.

        The arguments are those of `Client.jobs`. What was asked is not in a listing: `TextJob.request` is None.
        """
        chosen = filters(
            TextState,
            state=state, model=model, mode=None, custom_id=custom_id, campaign=campaign, metadata=metadata,
            created_after=created_after, created_before=created_before, page_size=page_size,
        )  # fmt: skip
        cursor: str | None = None
        while True:
            page = self._driver.run(ops.page(chosen, cursor, self._retry_seconds))
            yield from page.items
            cursor = page.next_cursor
            if cursor is None:
                return

    def wait(
        self,
        job_id: UUID | str,
        timeout_seconds: float = WAIT_SECONDS,
        *,
        on_change: Callable[[TextJob], None] | None = None,
    ) -> TextJob:
        """Wait until the job has a whole answer, and return it.

        Args:
            job_id: The job.
            timeout_seconds: Longest wait. The job does not notice when a wait ends.
            on_change: Called with the job at first and whenever something about it has changed.

        Raises:
            TextJobError: the job ended without a whole answer.
            WaitTimeoutError: the wait ended first.
            UnavailableError: the server could not be reached at the wait's end.
        """
        return self._driver.run(ops.wait(job_id, timeout_seconds, on_change))

    def stream(self, job_id: UUID | str) -> Iterator[TextPiece | TextJob]:
        """Follow a job: its record at first, whenever it has changed and when it ends, and between them the answer.

        Pieces come of jobs that were enqueued with ``stream``. A connection that breaks is made again and goes on
        where it was; pieces that are gone by then are in the record's answer.

        Raises:
            ConfigurationError: the extra ``text`` is not installed.
            NotFoundError: there is no such job, or it belongs to another key.
            UnavailableError: the server could not be reached for longer than the client tries.
        """
        check_can_stream()
        following = Following(job_id, self._retry_seconds)
        while not following.is_over:
            try:
                with self._driver.follow(following.path, following.headers) as response:
                    if response.status_code == httpx.codes.NO_CONTENT:
                        return
                    if response.is_success:
                        for event in event_source(response).iter_sse():
                            yield from following.take(event)
                    else:
                        response.read()
                        following.refused(response)
            except httpx.TransportError as error:
                following.lost(error)
            if not following.is_over:
                time.sleep(following.pause_seconds())

    def cancel(self, job_id: UUID | str, *, running: RunningText = "finish") -> TextJob:
        """Cancel the job, and return it as it is then.

        Args:
            job_id: The job.
            running: One that is being answered is billed as far as its answer came: ``finish`` lets it end, ``abandon``
                gives the answer up. The answer of a batched job that comes nevertheless is paid for, and kept.

        Raises:
            ConflictError: the job is past stopping.
        """
        return self._driver.run(ops.cancel(job_id, running, self._retry_seconds))

    def decide(self, job_id: UUID | str, decision: Decision) -> TextJob:
        """Decide what becomes of a held job, whose answer was lost and may be billed, and return it.

        Args:
            job_id: The job.
            decision: ``ask_again`` may be paid a second time; ``give_up`` ends it as failed.

        Raises:
            ConflictError: the job is not held.
        """
        return self._driver.run(ops.decide(job_id, decision))
