"""What is due when: the hints of the steps, in the place of a broker."""

from __future__ import annotations

import heapq
import itertools
from collections.abc import Callable
from datetime import datetime, timedelta
from uuid import UUID

from embedded.rehearsal.virtual_clock import StageClock
from models.operations.scheduling.poll_wakeups import Wake
from workers.archive.archive_result import archive_render_job
from workers.archive.found_files import keep_found_file
from workers.dispatch.dispatcher import dispatch
from workers.polling.poll_batch import poll_account
from workers.reconciliation.reconcile import reconcile_attempt
from workers.runtime.context import Context
from workers.submission.submit import submit_render_job

Act = Callable[[Context], object]


class EventQueue:
    """Takes every hint, and hands the steps out in the order of their times."""

    def __init__(self, clock: StageClock) -> None:
        self._clock = clock
        self._acts: list[tuple[datetime, int, Act]] = []
        self._numbers = itertools.count()

    @property
    def next_at(self) -> datetime | None:
        """When the next step is due."""
        return self._acts[0][0] if self._acts else None

    def take(self) -> Act:
        """The next step; it is its time now, or later."""
        at, _, act = heapq.heappop(self._acts)
        self._clock.time = max(self._clock.time, at)
        return act

    def dispatch(self) -> None:
        """Something may be admitted."""
        self._add(dispatch)

    def submit(self, job_id: UUID, epoch: int, model: str, *, delay_seconds: float = 0) -> None:  # noqa: ARG002
        """A job was admitted."""
        self._add(lambda context: submit_render_job(context, job_id, epoch), delay_seconds)

    def poll(self, wake: Wake, *, now: datetime) -> None:
        """An account's next poll is due at a time."""
        after_seconds = (wake.at - now).total_seconds()
        self._add(lambda context: poll_account(context, wake.account_id, wake.seq), after_seconds)

    def archive(self, job_id: UUID, model: str) -> None:  # noqa: ARG002 - the model is for Flower
        """A result waits to be fetched."""
        self._add(lambda context: archive_render_job(context, job_id))

    def keep(self, found_task_id: UUID) -> None:
        """The result of a noted task waits to be fetched."""
        self._add(lambda context: keep_found_file(context, found_task_id))

    def reconcile(self, attempt_id: UUID, job_id: UUID) -> None:  # noqa: ARG002 - the job is for Flower
        """An ambiguous attempt waits for the provider's listing."""
        self._add(lambda context: reconcile_attempt(context, attempt_id))

    def gather(self, model: str) -> None:
        """No text job is rehearsed."""

    def batch(self, batch_id: UUID, *, delay_seconds: float = 0) -> None:
        """No text job is rehearsed."""

    def text(self, job_id: UUID, model: str, *, delay_seconds: float = 0) -> None:
        """No rehearsal asks a language model."""

    def notify(self, endpoint_id: UUID) -> None:
        """Do nothing: a rehearsal has no webhook endpoint."""

    def notify_people(self) -> None:
        """Do nothing: a rehearsal has no notification channel."""

    def waiting_count(self, task: str) -> int:  # noqa: ARG002
        """None: each step is taken when its time has come."""
        return 0

    def _add(self, act: Act, delay_seconds: float = 0) -> None:
        at = self._clock.time + timedelta(seconds=max(delay_seconds, 0))
        heapq.heappush(self._acts, (at, next(self._numbers), act))
