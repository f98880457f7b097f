"""Hints that go nowhere but into lists."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime
from uuid import UUID

from models.operations.scheduling.poll_wakeups import Wake


@dataclass(frozen=True)
class SubmitHint:
    """One call of ``submit``."""

    job_id: UUID
    epoch: int
    model: str
    delay_seconds: float


@dataclass(frozen=True)
class TextHint:
    """One call of ``text``."""

    job_id: UUID
    model: str
    delay_seconds: float


@dataclass(frozen=True)
class BatchHint:
    """One call of ``batch``."""

    batch_id: UUID
    delay_seconds: float


@dataclass
class RecordedHints:
    """What was hinted at, in order."""

    dispatches: int = 0
    submits: list[SubmitHint] = field(default_factory=list)
    wakes: list[Wake] = field(default_factory=list)
    fetches: list[UUID] = field(default_factory=list)
    kept: list[UUID] = field(default_factory=list)
    """Noted tasks whose results are to be fetched."""
    questions: list[UUID] = field(default_factory=list)
    """Ambiguous attempts to be reconciled."""
    notices: list[UUID] = field(default_factory=list)
    """Webhook endpoints to be posted to."""
    people: int = 0
    """Hints that people are to be notified."""
    texts: list[TextHint] = field(default_factory=list)
    gathers: list[str] = field(default_factory=list)
    """Models whose jobs wait to be put into a batch."""
    batches: list[BatchHint] = field(default_factory=list)
    waiting: dict[str, int] = field(default_factory=dict)
    """Messages that wait, by task."""

    def dispatch(self) -> None:
        """Something may be admitted."""
        self.dispatches += 1

    def submit(self, job_id: UUID, epoch: int, model: str, *, delay_seconds: float = 0) -> None:
        """A job was admitted."""
        self.submits.append(SubmitHint(job_id, epoch, model, delay_seconds))

    def poll(self, wake: Wake, *, now: datetime) -> None:
        """An account's next poll is due at a time."""
        assert now.tzinfo is not None
        self.wakes.append(wake)

    def archive(self, job_id: UUID, model: str) -> None:
        """A result waits to be fetched."""
        assert model
        self.fetches.append(job_id)

    def keep(self, found_task_id: UUID) -> None:
        """The result of a noted task waits to be fetched."""
        self.kept.append(found_task_id)

    def reconcile(self, attempt_id: UUID, job_id: UUID) -> None:
        """The provider's listing is to be asked about an attempt."""
        assert job_id
        self.questions.append(attempt_id)

    def text(self, job_id: UUID, model: str, *, delay_seconds: float = 0) -> None:
        """A text job waits to be asked."""
        self.texts.append(TextHint(job_id, model, delay_seconds))

    def gather(self, model: str) -> None:
        """Text jobs of a model wait to be put into a batch."""
        self.gathers.append(model)

    def batch(self, batch_id: UUID, *, delay_seconds: float = 0) -> None:
        """The next step of a batch is due."""
        self.batches.append(BatchHint(batch_id, delay_seconds))

    def notify(self, endpoint_id: UUID) -> None:
        """Something is to be posted to a webhook endpoint."""
        self.notices.append(endpoint_id)

    def notify_people(self) -> None:
        """Something is to be sent to a notification channel."""
        self.people += 1

    def waiting_count(self, task: str) -> int:
        """What the test says."""
        return self.waiting.get(task, 0)
