"""Real services and workers, and the ways to hurt them and to look at them."""

from __future__ import annotations

import hashlib
import itertools
import os
import time
from collections import Counter
from collections.abc import Callable, Collection, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final
from uuid import UUID

import httpx
from celery import Celery
from sqlalchemy import Engine, select, text
from sqlalchemy.exc import OperationalError
from sqlalchemy.orm import Session

from embedded.postgres import PostgresServer
from embedded.valkey import ValkeyServer
from models import Asset, Attempt, PollLane, RenderJob
from models.cancel import request_cancel
from models.session import DatabaseClock, make_engine
from reelqueue import messages
from reelqueue.states import OPEN_ATTEMPT, TERMINAL, RenderState
from tests.faults.crew import Crew
from workers.audit import audit
from workers.failpoints import Action, Failpoint

WAIT_SECONDS: Final = 60.0
_LOOK_SECONDS: Final = 0.05
_KEY = "sk-faults"


@dataclass
class World:
    """Everything that runs, for all cases; each case leaves it with nothing in hand."""

    postgres: PostgresServer
    valkey: ValkeyServer
    simulator: httpx.Client
    """The simulator's control plane."""
    crew: Crew
    engine: Engine
    producer: Celery
    """Knows the broker and nothing of ours, as another app does."""
    folder: Path
    _numbers: Iterator[int] = field(default_factory=itertools.count)
    _prompts: dict[str, str] = field(default_factory=dict)
    """Of every order ever made here, by its key."""
    _known_excess: Counter[str] = field(default_factory=Counter)
    """What was billed for nothing, and has been found out."""

    @property
    def archive(self) -> Path:
        """Where finished files are kept."""
        return self.folder / "archive"

    @property
    def failpoints(self) -> Path:
        """Where failpoints are armed."""
        return self.folder / "failpoints"

    # Hurting

    def arm(self, name: Failpoint, action: Action = Action.KILL_GROUP) -> None:
        """Let the first process that passes a failpoint meet its end."""
        self.failpoints.joinpath(f"{name}.met").unlink(missing_ok=True)
        self.failpoints.joinpath(f"{name}.{action}").touch()

    def has_met(self, name: Failpoint) -> bool:
        """Whether somebody has."""
        return self.failpoints.joinpath(f"{name}.met").exists()

    def script(self, **fault: Any) -> None:
        """Let the provider misbehave."""
        self.simulator.post("faults", json=fault).raise_for_status()

    @contextmanager
    def configured(self, **patch: Any) -> Iterator[None]:
        """Let the simulator behave differently for a while."""
        before = self.simulator.get("config").raise_for_status().json()
        self.simulator.post("config", json=patch).raise_for_status()
        try:
            yield
        finally:
            self.simulator.post("config", json={name: before[name] for name in patch}).raise_for_status()

    def cut_connections(self) -> None:
        """End every session at the database but this one."""
        with self.engine.connect() as connection:
            connection.execute(
                text("""SELECT pg_terminate_backend(pid) FROM pg_stat_activity
                                       WHERE backend_type = 'client backend' AND pid <> pg_backend_pid()""")
            )

    def pause(self, seconds: float) -> None:
        """Let an outage last."""
        began = time.monotonic()
        self.wait_for(lambda: time.monotonic() - began > seconds, "time passes")

    def send(self, task: str, *args: object) -> None:
        """Send a message that nobody of ours has sent."""
        self.producer.send_task(task, args=args, queue=messages.QUEUE_BY_TASK[task])

    # Using

    def enqueue(self, count: int, *, marker: str = "", times: int = 1, **options: Any) -> list[UUID]:
        """Ask for clips as another app does, and wait until they are stored.

        Args:
            count: How many.
            marker: A word for the simulator, such as ``[[queue=300]]``.
            times: How often each is asked for.
            **options: Of the request.
        """
        keys = [f"order-{next(self._numbers)}" for _ in range(count)]
        prompts = {key: f"a lighthouse in the storm, {key} {marker}".strip() for key in keys}
        for key, prompt in [*prompts.items()] * times:
            request = {"model": "wan2.6-t2v", "prompt": prompt, "resolution": "1280x720", "poll_interval_ms": 300}
            arguments = {"request": request | options, "idempotency_key": key}
            self.producer.send_task("intake.enqueue", kwargs=arguments, queue="intake")
        self._prompts |= prompts
        self.wait_for(lambda: len(self._stored(keys)) == count, "the jobs are stored")
        return self._stored(keys)

    def cancel(self, job_ids: list[UUID]) -> None:
        """Stop jobs, as the API does."""
        with Session(self.engine) as session, session.begin():
            for job_id in job_ids:
                request_cancel(session, job_id, now=DatabaseClock().now(session))
        self.send(messages.CONTROL_DISPATCH)

    def wait_for(self, condition: Callable[[], bool], what: str) -> None:
        """Wait until a condition holds, and start again whoever ends meanwhile."""
        deadline = time.monotonic() + WAIT_SECONDS
        while not _holds(condition):
            assert time.monotonic() < deadline, f"not within {WAIT_SECONDS:g} s: {what}\n{self.describe()}"
            self.crew.look_after()
            time.sleep(_LOOK_SECONDS)

    # Looking

    def states(self, job_ids: list[UUID]) -> Counter[RenderState]:
        """How many jobs are in which state."""
        with Session(self.engine) as session:
            return Counter(session.scalars(select(RenderJob.state).where(RenderJob.id.in_(job_ids))))

    def are_all(self, job_ids: list[UUID], *states: RenderState) -> bool:
        """Whether every job is in one of some states."""
        return sum(self.states(job_ids)[state] for state in states) == len(job_ids)

    def attempts(self, job_ids: list[UUID]) -> Counter[str]:
        """How many attempts of jobs are in which state."""
        with Session(self.engine) as session:
            states = session.scalars(select(Attempt.state).where(Attempt.job_id.in_(job_ids)))
            return Counter(state.value for state in states)

    def has_adopted(self, job_ids: list[UUID], count: int) -> bool:
        """Whether each job was submitted once, and so many of them found their task by the listing.

        A busy machine may lose an answer more: it comes after the shortened time limit.
        """
        attempts = self.attempts(job_ids)
        return attempts.total() == len(job_ids) and attempts["adopted"] >= count

    def attempt_ids(self, job_ids: list[UUID]) -> list[UUID]:
        """The attempts of jobs."""
        with Session(self.engine) as session:
            return list(session.scalars(select(Attempt.id).where(Attempt.job_id.in_(job_ids))))

    def lane(self) -> PollLane:
        """The only account's poll chain."""
        with Session(self.engine) as session:
            return session.scalars(select(PollLane)).one()

    def tasks(self) -> dict[str, int]:
        """The provider's tasks by status."""
        tasks: dict[str, int] = self.simulator.get("health").raise_for_status().json()["tasks"]
        return tasks

    def is_settled(self, job_ids: list[UUID]) -> bool:
        """Whether every job is terminal, and nothing that might be billed is under way."""
        return (
            self.are_all(job_ids, *TERMINAL)
            and not self._open_attempts()
            and not {"PENDING", "RUNNING"} & self.tasks().keys()
        )

    def describe(self) -> str:
        """What there is to see when a case goes wrong."""
        with Session(self.engine) as session:
            jobs = session.execute(
                text("""SELECT j.id, j.state, j.epoch, j.next_poll_at, j.failure_message, a.number, a.state AS attempt,
                               a.reconcile_at, a.error_message, now() AS now
                        FROM render_jobs j LEFT JOIN attempts a ON a.job_id = j.id
                        WHERE j.state NOT IN ('succeeded', 'cancelled') ORDER BY j.id, a.number""")
            ).mappings()
            lines = [" ".join(f"{name}={value}" for name, value in job.items()) for job in jobs]
        restarts = f"restarts: {self.crew.restarts}; logs: {self.folder}; tasks: {self.tasks()}"
        return "\n".join([*lines, restarts])

    def _stored(self, keys: Collection[str]) -> list[UUID]:
        with Session(self.engine) as session:
            return list(session.scalars(select(RenderJob.id).where(RenderJob.idempotency_key.in_(keys))))

    def _open_attempts(self) -> int:
        with Session(self.engine) as session:
            return len(session.scalars(select(Attempt.id).where(Attempt.state.in_(OPEN_ATTEMPT))).all())

    # Judging

    def judge(self) -> None:
        """The provider's bill, our invariants and our files, since the last judgement."""
        with Session(self.engine) as session:
            broken = [finding for finding in audit(session) if finding.rows]
            succeeded = select(RenderJob.idempotency_key).where(RenderJob.state == RenderState.SUCCEEDED)
            owed = Counter(_sha256(self._prompts[str(key)]) for key in session.scalars(succeeded))
            stored = sorted(session.scalars(select(Asset.path)))
        billed = self._bill()
        twice, never = billed - owed - self._known_excess, owed - billed
        self._known_excess += twice  # a later case is not to blame
        assert not broken, broken
        assert not twice, f"{twice.total()} tasks were billed that no job needed"
        assert not never, f"{never.total()} jobs have a video that was never billed"
        assert self._files() == stored, f"the archive holds other files than {len(stored)} that are on record"

    def _bill(self) -> Counter[str]:
        ledger = self.simulator.get("ledger").raise_for_status().json()
        return Counter(entry["prompt_sha256"] for entry in ledger["entries"])

    def _files(self) -> list[str]:
        """Every file of the archive, half ones included."""
        return sorted(str(path.relative_to(self.archive)) for path in self.archive.rglob("*") if path.is_file())


def _sha256(prompt: str) -> str:
    return hashlib.sha256(prompt.encode()).hexdigest()


def _holds(condition: Callable[[], bool]) -> bool:
    try:
        return condition()
    except OperationalError:  # the database is being restarted
        return False


def environment_of(folder: Path, database_url: str, valkey: ValkeyServer, base_url: str) -> dict[str, str]:
    """The environment of the crew, without the pace; nothing of this machine's own settings is in it."""
    inherited = {name: value for name, value in os.environ.items() if not name.startswith("REELQUEUE_")}
    return inherited | {
        "REELQUEUE_DATABASE_URL": database_url,
        "REELQUEUE_BROKER_URL": valkey.broker_url,
        "REELQUEUE_RESULT_BACKEND_URL": valkey.result_backend_url,
        "REELQUEUE_VIDEO_BASE_URL": base_url,
        "REELQUEUE_ARCHIVE_URL": (folder / "archive").as_uri(),
        "ALIBABA_API_KEY": _KEY,
        "PYTHONUNBUFFERED": "1",
    }


@contextmanager
def engine_on(url: str) -> Iterator[Engine]:
    """An engine, disposed of at the end."""
    engine = make_engine(url, application_name="fault-tests")
    yield engine
    engine.dispose()
