"""The service without its wire: accounts submit, query, list and cancel tasks."""

from __future__ import annotations

import json
import uuid
from collections.abc import Mapping
from dataclasses import asdict, replace
from random import Random
from typing import Any

from pydantic import ValidationError

from reelqueue.catalog import ModelSpec
from simulator.clock import Clock
from simulator.config import SimulatorConfig, load_config, patch_config
from simulator.core.admission import Order, admit, throttled
from simulator.core.outcomes import Decision, decide
from simulator.core.pricing import price_of
from simulator.core.profiles import submits_per_second_of
from simulator.core.slot_scheduler import Schedule
from simulator.core.throttle import Throttle
from simulator.errors import StartError, WireError
from simulator.media import set_media_aside
from simulator.store.store import Store
from simulator.store.tasks import TaskFilter
from simulator.tasks import Outcome, Task, TaskStatus
from simulator.validation.addresses import Sender


class Provider:
    """Accepts tasks, moves them on and bills them.

    Args:
        store: Where everything is kept; stays the caller's to close.
        clock: Tells the time; only `advance` moves it.
        config: Behaviour to start with; without it, what the store remembers.
        random: Source of ids, run times and delays. Seed it for a deterministic simulation; never seed it over
            a store that already has tasks, since their ids would come again.
    """

    def __init__(self, store: Store, clock: Clock, *, config: SimulatorConfig | None = None, random: Random) -> None:
        self.store = store
        self.clock = clock
        self.config = config or _remembered(store)
        self._random = random
        self._throttle = Throttle()
        self._schedule = Schedule(store, lambda: self.config)
        self._remember()

    def new_id(self) -> str:
        """A fresh UUID for a request or a task."""
        return str(uuid.UUID(int=self._random.getrandbits(128), version=4))

    def submit(self, order: Order) -> Task:
        """Accept a task.

        Raises:
            WireError: Refused; no task was made.
        """
        now_ms = self._settled_now_ms()
        model = admit(order, self.config)
        self._take(f"submit:{order.account}:{model.id}", submits_per_second_of(model.id, self.config.limits))
        task = self._plan(order, model, now_ms)
        if self._schedule.lane(order.account, model.id).is_full:
            if self.config.limits.over_slots == "reject":
                raise throttled()
            if self.config.limits.over_slots == "drop":
                return task
        task = self.store.tasks.insert(task)
        self._schedule.add(task)
        return task

    def query(self, account: str, task_id: str) -> Task | None:
        """The task as it stands, or ``None`` when this account cannot see it any more or never could."""
        self._take(f"query:{account}", self.config.limits.queries_per_second)
        return self._visible(account, task_id, self._settled_now_ms())

    def cancel(self, account: str, task_id: str) -> None:
        """Cancel a task that is still PENDING.

        Raises:
            WireError: It is not.
        """
        self._take(f"cancel:{account}", self.config.limits.queries_per_second)
        now_ms = self._settled_now_ms()
        task = self._visible(account, task_id, now_ms)
        if task is None or not self._withdraw(task):
            raise WireError(
                400,
                "UnsupportedOperation",
                "Failed to cancel the task, please confirm if the task is in PENDING status.",
            )
        self.store.tasks.mark(task_id, TaskStatus.CANCELED, ends_ms=now_ms)

    def _withdraw(self, task: Task) -> bool:
        lane = self._schedule.lane(task.account, task.model)
        return lane.withdraw(task.task_id) or (self.config.wire.cancels_running and lane.stop(task.task_id))

    def page(self, which: TaskFilter, *, page_number: int, page_size: int) -> tuple[int, list[Task]]:
        """How many tasks a filter selects and one page of them, newest first."""
        self._take(f"list:{which.account}", self.config.limits.queries_per_second)
        self._settled_now_ms()
        total = self.store.tasks.count(which)
        return total, self.store.tasks.page(which, offset=(page_number - 1) * page_size, limit=page_size)

    def count_upload(self, account: str, model: str) -> None:
        """Count a request for an upload policy against its rate.

        Raises:
            WireError: Too many this second.
        """
        self._take(f"policy:{account}:{model}", self.config.limits.uploads_per_second)

    def finished_since(self, cursor: tuple[int, int]) -> list[Task]:
        """Tasks of all accounts that ended after *cursor* (end in milliseconds, sequence), in that order."""
        self._settled_now_ms()
        return self.store.tasks.finished_since(*cursor)

    def settle(self) -> None:
        """Make everything happen that has fallen due."""
        self._settled_now_ms()

    def loads(self) -> list[dict[str, object]]:
        """Slots, running and waiting tasks of each lane."""
        self.settle()
        return self._schedule.loads()

    def advance(self, seconds: float) -> None:
        """Move the clock forward by real *seconds*."""
        self.clock.advance(round(seconds * 1000))
        self._remember()
        self.settle()

    def configure(self, patch: Mapping[str, Any]) -> SimulatorConfig:
        """Change parts of the behaviour; what is already running keeps its times.

        Raises:
            pydantic.ValidationError: Nothing was changed.
        """
        self.settle()
        self.config = patch_config(self.config, patch)
        self._schedule.resize(self.clock.now_ms())
        self._remember()
        return self.config

    def reset(self) -> None:
        """Forget every task, charge, upload, fault and logged request, and all that the clock was advanced by.

        The behaviour stays.
        """
        self.store.clear()
        self.clock.advance(-self.clock.offset_ms)
        self._remember()
        self._schedule.reload()

    def expires_ms(self, task: Task) -> int:
        """When the result URL of an ended task stops working."""
        return (task.ends_ms or task.submitted_ms) + self.config.scaled_ms(self.config.lifetimes.result_url_seconds)

    def _visible(self, account: str, task_id: str, now_ms: int) -> Task | None:
        task = self.store.tasks.get(task_id)
        if task is None or task.account != account:
            return None
        gone_ms = task.submitted_ms + self.config.scaled_ms(self.config.lifetimes.task_seconds)
        return None if now_ms >= gone_ms else task

    def _plan(self, order: Order, model: ModelSpec, now_ms: int) -> Task:
        sender = Sender(order.account, model.id, order.resolves_oss, now_ms)
        outcome = decide(Decision(order.body, model, sender, self.store.media, self.config, self._random))
        # By the prices of its submit, whatever they are when it ends.
        price = price_of(model.id, outcome, self.config.region, self.config.model_list.prices)
        return Task(
            task_id=self.new_id(),
            request_id=order.request_id,
            account=order.account,
            model=model.id,
            body=set_media_aside(dict(order.body), self.store.media),
            outcome=replace(outcome, amount=None if price is None else f"{price[0].normalize():f}"),
            submitted_ms=now_ms,
            ready_ms=now_ms + self._queue_ms(outcome),
        )

    def _queue_ms(self, outcome: Outcome) -> int:
        times = self.config.run_times
        latency_ms = round(self._random.uniform(times.queue_minimum_ms, times.queue_maximum_ms))
        return latency_ms + self.config.scaled_ms(outcome.queue_seconds)

    def _take(self, key: str, limit: int) -> None:
        limits = self.config.limits
        if limits.is_throttling and not self._throttle.admits(key, limit, self.clock.now_ms()):
            raise throttled()

    def _settled_now_ms(self) -> int:
        now_ms = self.clock.now_ms()
        self._schedule.settle(now_ms)
        return now_ms

    def _remember(self) -> None:
        self.store.settings.put("config", json.dumps(asdict(self.config)))
        self.store.settings.put("clock_offset_ms", str(self.clock.offset_ms))


def _remembered(store: Store) -> SimulatorConfig:
    text = store.settings.get("config")
    try:
        return SimulatorConfig() if text is None else load_config(json.loads(text))
    except ValidationError as error:
        raise StartError(
            f"the state folder holds a configuration that this simulator does not understand: {error}. "
            "Remove the folder to start afresh, or give another --state."
        ) from error
