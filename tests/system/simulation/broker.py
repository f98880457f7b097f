"""The broker as a bag of messages: what it gives out, when and how often is the scheduler's choice."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from typing import Any

from kombu.exceptions import OperationalError

from reelqueue import messages
from tests.support.virtual_clock import VirtualClock
from workers.runtime.hints import CeleryHints


@dataclass(frozen=True)
class Message:
    """One message that waits to be delivered."""

    task: str
    args: tuple[Any, ...]
    due_at: datetime

    def at(self, due_at: datetime) -> Message:
        """The same message at another time."""
        return replace(self, due_at=due_at)


@dataclass
class BagOfMessages:
    """Takes what Celery's ``send_task`` takes."""

    clock: VirtualClock
    messages: list[Message] = field(default_factory=list)
    is_down: bool = False
    sent_count: int = 0

    def send_task(
        self,
        task: str,
        args: Iterable[Any] = (),
        *,
        countdown: float | None = None,
        **_options: object,
    ) -> None:
        """Take a message."""
        if self.is_down:
            raise OperationalError("the broker is down")
        self.messages.append(Message(task, tuple(args), self.clock.now() + timedelta(seconds=countdown or 0)))
        self.sent_count += 1

    def due(self) -> list[Message]:
        """What may be delivered now."""
        now = self.clock.now()
        return [one for one in self.messages if one.due_at <= now]

    def waiting_count(self, queue: str) -> int:
        """Messages that nobody has taken yet; those for later are in some worker's hands."""
        return sum(messages.QUEUE_BY_TASK[one.task] == queue for one in self.due())

    @property
    def next_due_at(self) -> datetime | None:
        """When the next message is due."""
        return min((one.due_at for one in self.messages), default=None)


class BagHints(CeleryHints):
    """Hints that go into the bag."""

    def __init__(self, bag: BagOfMessages, *, longest_countdown_seconds: float) -> None:
        super().__init__(bag, longest_countdown_seconds=longest_countdown_seconds)
        self._bag = bag

    def notify_people(self) -> None:
        """Do nothing: no simulated world has a notification channel."""

    def waiting_count(self, task: str) -> int:
        """Look into the bag."""
        return 0 if self._bag.is_down else self._bag.waiting_count(messages.QUEUE_BY_TASK[task])
