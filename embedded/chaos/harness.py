"""A real stack, the ways to hurt it, and to see what became of it."""

from __future__ import annotations

import itertools
import time
from collections import Counter
from collections.abc import Callable, Collection, Iterator
from contextlib import contextmanager
from pathlib import Path
from random import Random
from typing import Any, Final, Self
from uuid import UUID

from celery import Celery
from sqlalchemy import select, text
from sqlalchemy.exc import OperationalError
from sqlalchemy.orm import Session

from embedded.chaos.reconcile_bill import SUCCEEDED, BillCheck, CheckResult, Order
from embedded.chaos.service_processes import ServiceProcesses
from embedded.chaos.short_timings import PACE, TIME_SCALE
from embedded.chaos.text_check import TextCheck, TextOrder
from embedded.chaos.worker_processes import Member, WorkerProcesses, prepare
from embedded.errors import ChaosTimeoutError
from models import Attempt, OnLostAnswer, PollLane, RenderJob
from models.operations.jobs.cancel import request_cancel
from models.session import DatabaseClock, make_engine
from reelqueue import messages
from reelqueue.states import OPEN_ATTEMPT, TERMINAL, RenderState
from workers.failpoints import Action, Failpoint

_PATIENCE_SECONDS: Final = 60.0
_LOOK_SECONDS: Final = 0.05
_REPEAT_SECONDS: Final = 3.0
_OPTIONS: Final = {"model": "wan2.6-t2v", "resolution": "1280x720", "duration": 5, "poll_interval_ms": 200}
_TEXT_MODEL: Final = "qwen3.5-flash"
"""So many requests a minute that no question waits for its turn."""


class Harness:
    """Services, worker hosts and a producer."""

    def __init__(
        self,
        folder: Path,
        *,
        hosts: int = 1,
        seed: int = 0,
        time_scale: float = TIME_SCALE,
        patience_seconds: float = _PATIENCE_SECONDS,
    ) -> None:
        """Prepare to start.

        Args:
            folder: Logs, data and files of everything.
            hosts: How many hosts have workers; each has a folder, names and processes of its own.
            seed: Decides what chance decides here.
            time_scale: The simulator divides render times by it.
            patience_seconds: How long anything may take.
        """
        self._patience_seconds = patience_seconds
        self.site = ServiceProcesses(folder, time_scale=time_scale)
        self.crews = [
            WorkerProcesses(folder / f"host-{number}", host=f"host-{number}", has_beat=number == 1)
            for number in range(1, hosts + 1)
        ]
        self.seed = seed
        self.random = Random(seed)  # noqa: S311 - a replay, no secret
        self.injected: Counter[str] = Counter()
        """How often it was hurt: crashes, and other faults."""
        self.on_tick: Callable[[], None] = lambda: None
        """Called often while something is waited for."""
        self.chapter = ""
        """What is played: goes with each order."""
        self._numbers = itertools.count(1)

    def start(self) -> Self:
        """Start everything.

        Raises:
            embedded.errors.ServiceError: A service did not start.
        """
        try:
            self.site.start()
            prepare(self.site.environment() | PACE)
        except BaseException:
            self.site.stop()
            raise
        self.engine = make_engine(self.site.postgres.url(), application_name="chaos")
        self.producer = Celery("another-app", broker=self.site.valkey.broker_url, set_as_current=False)
        texts = TextCheck(self.engine, self.site.control, self.site.base_url)
        self.books = BillCheck(self.engine, self.site.control, self.site.archive, texts)
        self._look_after()
        return self

    def renew(self) -> None:
        """Start again from nothing, whatever state it is in."""
        for crew in self.crews:
            crew.kill()
        self.engine.dispose()
        self.site.revive()
        self.site.empty()
        self.books.orders.clear()
        self.books.texts.orders.clear()
        self._look_after()

    def stop(self) -> None:
        """Stop everything."""
        for crew in self.crews:
            crew.stop()
        self.producer.close()
        self.engine.dispose()
        self.site.stop()

    # Hurting

    def arm(self, name: Failpoint, action: Action = Action.KILL_GROUP) -> None:
        """Let the first process that passes a failpoint meet its end."""
        self.site.failpoints.joinpath(f"{name}.met").unlink(missing_ok=True)
        self.site.failpoints.joinpath(f"{name}.{action}").touch()

    def has_met(self, name: Failpoint) -> bool:
        """Whether a process has met it."""
        return self.site.failpoints.joinpath(f"{name}.met").exists()

    def wait_until_met(self, name: Failpoint, *, is_crash: bool = True) -> None:
        """Wait until a process has met it."""
        self.wait_for(lambda: self.has_met(name), f"a worker meets failpoint {name}")
        self.injected["crash" if is_crash else "fault"] += 1

    def members(self, name: str | None = None) -> list[Member]:
        """The workers of all hosts, or those of one name."""
        return [member for crew in self.crews for each, member in crew.members.items() if name in {None, each}]

    def kill(self, member: Member) -> None:
        """Kill a worker and its pool with SIGKILL."""
        member.kill()
        self.injected["crash"] += 1

    def script(self, **fault: Any) -> None:
        """Let the provider misbehave."""
        self.site.control.post("faults", json=fault).raise_for_status()
        self.injected["fault"] += fault.get("count", 1) or 1

    @contextmanager
    def configured(self, **patch: Any) -> Iterator[None]:
        """Let the simulator behave differently for a while."""
        before = self.site.control.get("config").raise_for_status().json()
        self.site.control.post("config", json=patch).raise_for_status()
        self.injected["fault"] += 1
        try:
            yield
        finally:
            self.site.control.post("config", json={name: before[name] for name in patch}).raise_for_status()

    def cut_connections(self) -> None:
        """End every session at the database but this one."""
        self.injected["fault"] += 1
        with self.engine.connect() as connection:
            connection.execute(
                text("""SELECT pg_terminate_backend(pid) FROM pg_stat_activity
                        WHERE backend_type = 'client backend' AND pid <> pg_backend_pid()""")
            )

    def send(self, task: str, *args: object) -> None:
        """Send a message that no part of Reelqueue sends."""
        self.producer.send_task(task, args=args, queue=messages.QUEUE_BY_TASK[task])

    def calm(self) -> None:
        """Clear every scripted and armed fault, and let frozen processes continue."""
        for crew in self.crews:
            crew.thaw()
        self.site.revive()
        self.site.control.delete("faults").raise_for_status()
        self.site.disarm()

    # Using

    def enqueue(
        self,
        count: int,
        *,
        marker: str = "",
        prompt: str | None = None,
        times: int = 1,
        ends_in: frozenset[RenderState] = SUCCEEDED,
        **options: Any,
    ) -> list[UUID]:
        """Ask for clips as another app does, and wait until they are stored.

        Args:
            count: How many.
            marker: A word for the simulator, such as ``[[queue=300]]``.
            prompt: Of all of them; empty: they have none. None: each has its own.
            times: How often each is asked for.
            ends_in: How their jobs may end.
            **options: Of the request.
        """
        orders = [self.order(marker=marker, prompt=prompt, ends_in=ends_in) for _ in range(count)]
        keys, asked_at = [order.key for order in orders], 0.0

        def are_stored() -> bool:
            nonlocal asked_at
            if asked_at == 0.0 or time.monotonic() - asked_at > _REPEAT_SECONDS:  # a broker may forget them
                asked_at = time.monotonic()
                self._ask(orders * times, options)
            return len(self._stored(keys)) == count

        self.wait_for(are_stored, f"{count} jobs are stored")
        return self._stored(keys)

    def order(
        self, *, marker: str = "", prompt: str | None = None, ends_in: frozenset[RenderState] = SUCCEEDED
    ) -> Order:
        """Record a new order."""
        key = f"order-{next(self._numbers)}"
        own = f"a lighthouse in the storm, {key} {marker}".strip()
        order = Order(key, own if prompt is None else prompt, ends_in, self.chapter)
        self.books.orders[key] = order
        return order

    def ask(
        self, count: int, *, on_lost_answer: OnLostAnswer = OnLostAnswer.RETRY_ONCE, is_batched: bool = False
    ) -> list[str]:
        """Ask a language model as another app does, and wait until the text jobs are stored.

        Args:
            count: How many questions.
            on_lost_answer: What becomes of a question whose answer is lost.
            is_batched: Whether they are asked in a batch.

        Returns:
            Their idempotency keys.
        """
        orders = [self.text_order(on_lost_answer, is_batched=is_batched) for _ in range(count)]
        keys, asked_at = [order.key for order in orders], 0.0

        def are_stored() -> bool:
            nonlocal asked_at
            if asked_at == 0.0 or time.monotonic() - asked_at > _REPEAT_SECONDS:
                asked_at = time.monotonic()
                for order in orders:
                    arguments = {"request": order.document, "idempotency_key": order.key}
                    self.producer.send_task(messages.INTAKE_ENQUEUE_TEXT, kwargs=arguments, queue="intake")
            return self.books.texts.are_stored(keys)

        self.wait_for(are_stored, f"{count} text jobs are stored")
        return keys

    def text_order(self, on_lost_answer: OnLostAnswer, *, is_batched: bool = False) -> TextOrder:
        """Record a new question; its prompt is no other's, and no part of another's."""
        key = f"text-{next(self._numbers)}"
        request = {"model": _TEXT_MODEL, "prompt": f"Name the paper boat of {key}."}
        order = TextOrder(key, request, on_lost_answer, self.chapter, is_batched=is_batched)
        self.books.texts.orders[key] = order
        return order

    @staticmethod
    def request(order: Order, **options: Any) -> dict[str, Any]:
        """The request of an order."""
        return {**_OPTIONS, "prompt": order.prompt or None, **options}

    def cancel(self, job_ids: list[UUID]) -> None:
        """Stop jobs, as the API does."""
        for job_id in job_ids:
            with Session(self.engine) as session, session.begin():
                request_cancel(session, job_id, now=DatabaseClock().now(session))
        self.send(messages.CONTROL_DISPATCH)

    # Waiting

    def wait_for(self, condition: Callable[[], bool], what: str) -> None:
        """Wait until a condition holds, and restart processes that end meanwhile.

        Raises:
            ChaosTimeoutError: It does not in time.
        """
        deadline = time.monotonic() + self._patience_seconds
        while not _holds(condition):
            if time.monotonic() > deadline:
                raise ChaosTimeoutError(what, self._patience_seconds, self.describe())
            self._look_after()
            self.on_tick()
            time.sleep(_LOOK_SECONDS)

    def pause(self, seconds: float) -> None:
        """Let an outage last."""
        until = time.monotonic() + seconds
        self.wait_for(lambda: time.monotonic() > until, "time passes")

    def finish(self, job_ids: Collection[UUID]) -> CheckResult:
        """Wait until everything has healed and ended, and judge."""
        self.wait_for(lambda: self.is_at_rest(job_ids), "every job is terminal, and nothing is under way")
        return self.books.close()

    def _look_after(self) -> None:
        for crew in self.crews:
            crew.look_after()

    # Looking

    def states(self, job_ids: Collection[UUID]) -> Counter[RenderState]:
        """How many jobs are in which state."""
        with Session(self.engine) as session:
            return Counter(session.scalars(select(RenderJob.state).where(RenderJob.id.in_(job_ids))))

    def are_all(self, job_ids: Collection[UUID], *states: RenderState) -> bool:
        """Whether every job is in one of some states."""
        now = self.states(job_ids)
        return sum(now[state] for state in states) == len(job_ids)

    def has_ended(self, job_ids: Collection[UUID]) -> bool:
        """Whether every job is terminal."""
        return self.are_all(job_ids, *TERMINAL)

    def unfinished(self) -> list[UUID]:
        """Every job that has not ended."""
        with Session(self.engine) as session:
            return list(session.scalars(select(RenderJob.id).where(RenderJob.state.not_in(TERMINAL))))

    def attempts(self, job_ids: Collection[UUID]) -> Counter[str]:
        """How many attempts of jobs are in which state."""
        with Session(self.engine) as session:
            states = session.scalars(select(Attempt.state).where(Attempt.job_id.in_(job_ids)))
            return Counter(state.value for state in states)

    def attempt_ids(self, job_ids: Collection[UUID]) -> list[UUID]:
        """The attempts of jobs."""
        with Session(self.engine) as session:
            return list(session.scalars(select(Attempt.id).where(Attempt.job_id.in_(job_ids))))

    def lane(self) -> PollLane:
        """The only account's poll chain."""
        with Session(self.engine) as session:
            return session.scalars(select(PollLane)).one()

    def tasks(self) -> dict[str, int]:
        """The provider's tasks by status."""
        tasks: dict[str, int] = self.site.control.get("health").raise_for_status().json()["tasks"]
        return tasks

    def is_at_rest(self, job_ids: Collection[UUID]) -> bool:
        """Whether every job has ended, and nothing that might be billed is under way, or asked for its usage."""
        if not self.are_all(job_ids, *TERMINAL) or {"PENDING", "RUNNING"} & self.tasks().keys():
            return False
        polled = select(RenderJob.id).where(RenderJob.next_poll_at.is_not(None)).limit(1)
        unknown = select(Attempt.id).where(Attempt.state.in_(OPEN_ATTEMPT)).limit(1)
        with Session(self.engine) as session:
            is_followed = [*session.scalars(polled), *session.scalars(unknown)]
        return not is_followed and self.books.texts.is_at_rest()

    def describe(self) -> str:
        """What there is to see when something does not come."""
        jobs = """SELECT j.id, j.state, j.epoch, j.next_poll_at, j.failure_message, a.number, a.state AS attempt,
                         a.reconcile_at, a.error_message, now() AS now
                  FROM render_jobs j LEFT JOIN attempts a ON a.job_id = j.id
                  WHERE j.state NOT IN ('succeeded', 'cancelled') ORDER BY j.id, a.number LIMIT 40"""
        try:
            with Session(self.engine) as session:
                rows = session.execute(text(jobs)).mappings().all()
        except OperationalError as error:
            return f"the database does not answer: {error}; logs: {self.site.folder}"
        lines = [" ".join(f"{name}={value}" for name, value in row.items()) for row in rows]
        lines.append(f"text jobs under way: {self.books.texts.unfinished()}")
        restarts = [crew.restarts[-20:] for crew in self.crews]
        return "\n".join([*lines, f"last restarts: {restarts}; logs: {self.site.folder}; tasks: {self.tasks()}"])

    def _ask(self, orders: list[Order], options: dict[str, Any]) -> None:
        for order in orders:
            arguments = {"request": self.request(order, **options), "idempotency_key": order.key}
            self.producer.send_task("intake.enqueue", kwargs=arguments, queue="intake")

    def _stored(self, keys: Collection[str]) -> list[UUID]:
        with Session(self.engine) as session:
            return list(session.scalars(select(RenderJob.id).where(RenderJob.idempotency_key.in_(keys))))


def _holds(condition: Callable[[], bool]) -> bool:
    try:
        return condition()
    except OperationalError:  # the database is being restarted
        return False
