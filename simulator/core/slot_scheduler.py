"""All lanes of the simulator: starts, ends and bills tasks when their time has come."""

from __future__ import annotations

import hashlib
from collections.abc import Callable

from reelqueue.catalog.price_list import CURRENCY_BY_REGION
from simulator.config import SimulatorConfig
from simulator.core.profiles import slots_of
from simulator.core.slot_queue import Lane, Started, Waiting
from simulator.store.ledger import Charge
from simulator.store.store import Store
from simulator.tasks import Task, TaskStatus


class Schedule:
    """The lanes of all accounts and models.

    Evaluated lazily: `settle` replays everything up to a moment and commits it before anybody reads. A task's
    charge is committed together with its end, so that no crash can bill twice or not at all.
    """

    def __init__(self, store: Store, config: Callable[[], SimulatorConfig]) -> None:
        self._store = store
        self._config = config
        self._lanes: dict[tuple[str, str], Lane] = {}
        self.reload()

    def reload(self) -> None:
        """Build the lanes anew from the tasks that are stored as unfinished."""
        self._lanes.clear()
        for task in self._store.tasks.unfinished():
            if task.ends_ms is not None:
                self.lane(task.account, task.model).resume(task.task_id, task.ends_ms)
            else:
                self.add(task)

    def lane(self, account: str, model: str) -> Lane:
        """The lane of an account and model, made when missing."""
        key = (account, model)
        if key not in self._lanes:
            self._lanes[key] = Lane(slots_of(model, self._config().limits))
        return self._lanes[key]

    def add(self, task: Task) -> None:
        """Queue a task that is stored as PENDING."""
        run_ms = self._config().scaled_ms(task.outcome.run_seconds)
        self.lane(task.account, task.model).add(Waiting(task.task_id, task.ready_ms, run_ms))

    def resize(self, at_ms: int) -> None:
        """Take changed limits over from *at_ms* on."""
        for (_, model), lane in self._lanes.items():
            lane.resize(slots_of(model, self._config().limits), at_ms)

    def settle(self, until_ms: int) -> None:
        """Make everything happen that happens up to *until_ms*."""
        due = [lane for lane in self._lanes.values() if (lane.next_event_ms() or until_ms + 1) <= until_ms]
        if not due:
            return
        with self._store.transaction():
            for lane in due:
                for event in lane.events(until_ms):
                    if isinstance(event, Started):
                        self._store.tasks.mark(
                            event.task_id, TaskStatus.RUNNING, scheduled_ms=event.at_ms, ends_ms=event.ends_ms
                        )
                    else:
                        self._finish(event.task_id, event.at_ms)

    def loads(self) -> list[dict[str, object]]:
        """Slots, running and waiting tasks of each lane."""
        return [{"account": account, "model": model, **lane.load} for (account, model), lane in self._lanes.items()]

    def _finish(self, task_id: str, at_ms: int) -> None:
        task = self._store.tasks.get(task_id)
        if task is None:
            return
        self._store.tasks.mark(task_id, task.outcome.status, ends_ms=at_ms)
        if task.outcome.status is TaskStatus.SUCCEEDED:
            self._store.ledger.settle(_charge(task, self._config().region, at_ms))


def _charge(task: Task, region: str, at_ms: int) -> Charge:
    return Charge(
        task_id=task.task_id,
        account=task.account,
        model=task.model,
        request_id=task.request_id,
        prompt_sha256=hashlib.sha256(task.prompt.encode("utf-8", "surrogatepass")).hexdigest(),
        billed_seconds=str(task.outcome.billed_seconds),
        amount=task.outcome.amount,
        currency=None if task.outcome.amount is None else CURRENCY_BY_REGION[region],
        settled_ms=at_ms,
    )
