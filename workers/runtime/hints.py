"""Hints: messages that say "something is due", sent after the commit of what they are about.

Any of them may be lost, doubled or late; none expires, as that would compare the clocks of two hosts. A broker that
is down must not fail the work that was just committed, so a hint that cannot be sent is logged and left to the sweep.
"""

from __future__ import annotations

from datetime import datetime
from typing import Any, Protocol
from uuid import UUID

import structlog
from celery import Celery
from kombu.exceptions import OperationalError

from models.operations.scheduling.poll_wakeups import Wake
from reelqueue import messages

log = structlog.get_logger(__name__)


class Hints(Protocol):
    """Where hints go; the seam between the steps and Celery."""

    def dispatch(self) -> None:
        """Something may be admitted."""

    def submit(self, job_id: UUID, epoch: int, model: str, *, delay_seconds: float = 0) -> None:
        """A job was admitted."""

    def poll(self, wake: Wake, *, now: datetime) -> None:
        """An account's next poll is due at a time."""

    def archive(self, job_id: UUID, model: str) -> None:
        """A result waits to be fetched."""

    def keep(self, found_task_id: UUID) -> None:
        """The result of a task that was noted for a review waits to be fetched."""

    def reconcile(self, attempt_id: UUID, job_id: UUID) -> None:
        """An ambiguous attempt waits for the provider's listing."""

    def text(self, job_id: UUID, model: str, *, delay_seconds: float = 0) -> None:
        """A text job waits to be asked, or may by then."""

    def gather(self, model: str) -> None:
        """Text jobs of a model wait to be put into a batch."""

    def batch(self, batch_id: UUID, *, delay_seconds: float = 0) -> None:
        """The next step of a batch is due, or will be by then."""

    def notify(self, endpoint_id: UUID) -> None:
        """Something is to be posted to a webhook endpoint."""

    def notify_people(self) -> None:
        """Something is to be sent to a notification channel."""

    def waiting_count(self, task: str) -> int:
        """Messages that no worker has taken yet, in the queue of a task."""


class CeleryHints:
    """Hints over the broker.

    ``argsrepr`` is what Flower and the logs show of a message: names and ids, never a prompt, a URL
    or a key. Flower's list cuts it after some 45 characters, so the short words come first.
    """

    def __init__(self, app: Celery, *, longest_countdown_seconds: float) -> None:
        self._app = app
        self._longest_countdown_seconds = longest_countdown_seconds

    def dispatch(self) -> None:
        """Send ``control.dispatch``."""
        self._send(messages.CONTROL_DISPATCH, (), "()")

    def submit(self, job_id: UUID, epoch: int, model: str, *, delay_seconds: float = 0) -> None:
        """Send ``render.submit``."""
        shown = f"model={model} job={job_id}"
        self._send(messages.RENDER_SUBMIT, (str(job_id), epoch), shown, countdown=self._countdown(delay_seconds))

    def poll(self, wake: Wake, *, now: datetime) -> None:
        """Send ``render.poll``; a far wake-up comes early, finds nothing due and hops on."""
        countdown = self._countdown((wake.at - now).total_seconds())
        shown = f"account={wake.account} seq={wake.seq}"
        self._send(messages.RENDER_POLL, (str(wake.account_id), wake.seq), shown, countdown=countdown)

    def archive(self, job_id: UUID, model: str) -> None:
        """Send ``render.archive``."""
        self._send(messages.RENDER_ARCHIVE, (str(job_id),), f"model={model} job={job_id}")

    def keep(self, found_task_id: UUID) -> None:
        """Send ``render.keep``."""
        self._send(messages.RENDER_KEEP, (str(found_task_id),), f"found_task={found_task_id}")

    def reconcile(self, attempt_id: UUID, job_id: UUID) -> None:
        """Send ``render.reconcile``."""
        self._send(messages.RENDER_RECONCILE, (str(attempt_id),), f"attempt={attempt_id} job={job_id}")

    def text(self, job_id: UUID, model: str, *, delay_seconds: float = 0) -> None:
        """Send ``text.answer``."""
        shown = f"model={model} text_job={job_id}"
        self._send(messages.TEXT_ANSWER, (str(job_id),), shown, countdown=self._countdown(delay_seconds))

    def gather(self, model: str) -> None:
        """Send ``text.gather``."""
        self._send(messages.TEXT_GATHER, (model,), f"model={model}")

    def batch(self, batch_id: UUID, *, delay_seconds: float = 0) -> None:
        """Send ``text.batch``."""
        countdown = self._countdown(delay_seconds)
        self._send(messages.TEXT_BATCH, (str(batch_id),), f"batch={batch_id}", countdown=countdown)

    def notify(self, endpoint_id: UUID) -> None:
        """Send ``webhook.deliver``."""
        self._send(messages.WEBHOOK_DELIVER, (str(endpoint_id),), f"endpoint={endpoint_id}")

    def notify_people(self) -> None:
        """Send ``notices.notify_people``."""
        self._send(messages.NOTIFY_PEOPLE, (), "()")

    def waiting_count(self, task: str) -> int:
        """Ask the broker for the length; 0 if it does not answer."""
        with self._app.connection_for_write() as connection:
            try:
                return messages.waiting_count(connection, messages.QUEUE_BY_TASK[task])
            except connection.connection_errors:
                return 0

    def _countdown(self, seconds: float) -> float | None:
        bounded = min(seconds, self._longest_countdown_seconds)
        return bounded if bounded > 0 else None

    def _send(self, task: str, args: tuple[Any, ...], shown: str, **options: object) -> None:
        try:
            self._app.send_task(task, args=args, argsrepr=shown, kwargsrepr="", ignore_result=True, **options)
        except (OperationalError, OSError) as error:
            log.warning("hint.not_sent", task=task, args=shown, error=str(error), remedy="the sweep sends it again")
