"""The steps of the probe's own jobs, taken in this process and when they are due; workers beside it get theirs.

Each step bears running twice, so what is hinted at here and there is done once. Only the submit of an own job is not
hinted at elsewhere, as its answer is what the probe wants to hear; should the probe die, the sweep hints at it again.
"""

from __future__ import annotations

import heapq
import itertools
from collections.abc import Callable
from datetime import datetime
from uuid import UUID

from models.operations.scheduling.poll_wakeups import Wake
from workers.archive.archive_result import archive_render_job
from workers.dispatch.dispatcher import dispatch
from workers.polling.poll_batch import poll_account
from workers.reconciliation.reconcile import reconcile_attempt
from workers.runtime.context import Context
from workers.runtime.hints import Hints
from workers.runtime.host_clock import HostClock

Act = Callable[[Context], object]
Submit = Callable[[Context, UUID, int], object]


class OwnHints:
    """Takes the hints of this process.

    Args:
        host: Counts the seconds.
        others: Where the workers' hints go.
        submit: Submits an own job.
    """

    def __init__(self, host: HostClock, others: Hints, submit: Submit) -> None:
        self._host = host
        self._others = others
        self._submit = submit
        self._acts: list[tuple[float, int, Act]] = []
        self._numbers = itertools.count()
        self.jobs: set[UUID] = set()
        """The probe's own."""

    def take_steps(self, context: Context) -> None:
        """Take every step that is due, and those that become due by it."""
        while self._acts and self._acts[0][0] <= self._host.seconds():
            heapq.heappop(self._acts)[2](context)

    def dispatch(self) -> None:
        """Something may be admitted."""
        self._add(dispatch)

    def submit(self, job_id: UUID, epoch: int, model: str, *, delay_seconds: float = 0) -> None:
        """A job was admitted."""
        if job_id in self.jobs:
            self._add(lambda context: self._submit(context, job_id, epoch), delay_seconds)
        else:
            self._others.submit(job_id, epoch, model, delay_seconds=delay_seconds)

    def poll(self, wake: Wake, *, now: datetime) -> None:
        """An account's next poll is due at a time."""
        self._add(lambda context: poll_account(context, wake.account_id, wake.seq), (wake.at - now).total_seconds())
        self._others.poll(wake, now=now)

    def archive(self, job_id: UUID, model: str) -> None:
        """A result waits to be fetched."""
        if job_id in self.jobs:
            self._add(lambda context: archive_render_job(context, job_id))
        else:
            self._others.archive(job_id, model)

    def keep(self, found_task_id: UUID) -> None:
        """The result of a noted task waits to be fetched."""
        self._others.keep(found_task_id)

    def reconcile(self, attempt_id: UUID, job_id: UUID) -> None:
        """An ambiguous attempt waits for the provider's listing."""
        if job_id in self.jobs:
            self._add(lambda context: reconcile_attempt(context, attempt_id))
        else:
            self._others.reconcile(attempt_id, job_id)

    def text(self, job_id: UUID, model: str, *, delay_seconds: float = 0) -> None:
        """A text job waits to be asked."""
        self._others.text(job_id, model, delay_seconds=delay_seconds)

    def gather(self, model: str) -> None:
        """Text jobs of a model wait to be put into a batch."""
        self._others.gather(model)

    def batch(self, batch_id: UUID, *, delay_seconds: float = 0) -> None:
        """The next step of a batch is due."""
        self._others.batch(batch_id, delay_seconds=delay_seconds)

    def notify(self, endpoint_id: UUID) -> None:
        """Something is to be posted to a webhook endpoint."""
        self._others.notify(endpoint_id)

    def notify_people(self) -> None:
        """Something is to be sent to a notification channel."""
        self._others.notify_people()

    def waiting_count(self, task: str) -> int:
        """Messages that no worker has taken yet."""
        return self._others.waiting_count(task)

    def _add(self, act: Act, delay_seconds: float = 0) -> None:
        heapq.heappush(self._acts, (self._host.seconds() + max(delay_seconds, 0), next(self._numbers), act))
