"""Slots: which task of one account and model runs when.

A lane is a pure discrete-event queue. Nothing happens at wall-clock speed; `Lane.events` replays what should
have happened up to a moment, in order, so that evaluating late gives the same times as evaluating at once.
"""

from __future__ import annotations

import heapq
from collections import deque
from collections.abc import Iterator
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Waiting:
    """A task in the queue of a lane."""

    task_id: str
    ready_ms: int
    run_ms: int


@dataclass(frozen=True, slots=True)
class Started:
    """A task got a slot."""

    task_id: str
    at_ms: int
    ends_ms: int


@dataclass(frozen=True, slots=True)
class Finished:
    """A task gave its slot back."""

    task_id: str
    at_ms: int


class Lane:
    """First in, first out, over a number of slots."""

    def __init__(self, slots: int) -> None:
        self._slots = slots
        self._waiting: deque[Waiting] = deque()
        self._running: list[tuple[int, str]] = []
        self._replayed_ms = 0

    @property
    def is_full(self) -> bool:
        """Whether a further task would have to wait for a slot."""
        return len(self._running) + len(self._waiting) >= self._slots

    @property
    def load(self) -> dict[str, int]:
        """Slots, running and waiting tasks."""
        return {"slots": self._slots, "running": len(self._running), "waiting": len(self._waiting)}

    def resize(self, slots: int, at_ms: int) -> None:
        """Change the number of slots at *at_ms*; running tasks go on, and nothing starts earlier than that."""
        self._slots = slots
        self._replayed_ms = max(self._replayed_ms, at_ms)

    def add(self, task: Waiting) -> None:
        """Queue *task* behind the others."""
        self._waiting.append(task)

    def resume(self, task_id: str, ends_ms: int) -> None:
        """Put a task back that was running when the process ended."""
        heapq.heappush(self._running, (ends_ms, task_id))

    def withdraw(self, task_id: str) -> bool:
        """Take a waiting task out; False when it is not waiting here."""
        for task in self._waiting:
            if task.task_id == task_id:
                self._waiting.remove(task)
                return True
        return False

    def stop(self, task_id: str) -> bool:
        """Take a running task out; False when it is not running here."""
        left = [running for running in self._running if running[1] != task_id]
        is_stopped = len(left) < len(self._running)
        self._running = left
        heapq.heapify(self._running)
        return is_stopped

    def next_event_ms(self) -> int | None:
        """When something happens next, or ``None`` for an idle lane."""
        moments = [moment for moment in (self._next_start_ms(), self._next_finish_ms()) if moment is not None]
        return min(moments, default=None)

    def events(self, until_ms: int) -> Iterator[Started | Finished]:
        """Replay starts and finishes up to *until_ms*, in the order in which they happen."""
        while (moment := self.next_event_ms()) is not None and moment <= until_ms:
            # A finish goes first: the slot that it frees may be the one that the start takes.
            yield self._finish() if moment == self._next_finish_ms() else self._start(moment)
            self._replayed_ms = max(self._replayed_ms, moment)

    def _next_start_ms(self) -> int | None:
        if not self._waiting or len(self._running) >= self._slots:
            return None
        return max(self._waiting[0].ready_ms, self._replayed_ms)

    def _next_finish_ms(self) -> int | None:
        return self._running[0][0] if self._running else None

    def _start(self, at_ms: int) -> Started:
        task = self._waiting.popleft()
        heapq.heappush(self._running, (at_ms + task.run_ms, task.task_id))
        return Started(task.task_id, at_ms, at_ms + task.run_ms)

    def _finish(self) -> Finished:
        ends_ms, task_id = heapq.heappop(self._running)
        return Finished(task_id, ends_ms)
