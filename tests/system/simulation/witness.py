"""What really happened at the provider, seen from the wire: the truth that verdicts are made of."""

from __future__ import annotations

import gzip
import json
from collections import defaultdict
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Final
from uuid import UUID

import psycopg

from simulator.exchange.dependencies import Service
from simulator.tasks import Task
from tests.support.virtual_clock import VirtualClock
from tests.system.simulation.network import Flight
from workers.dashscope.wire import format_time

# Two listings without a task, this far apart, are the residual risk that users are told about.
HIDDEN_FOR: Final = timedelta(seconds=60)


@dataclass
class Witness:
    """Sits at both ends of the wire."""

    service: Service
    clock: VirtualClock
    database: psycopg.Connection[tuple[object, ...]]
    broken: list[str] = field(default_factory=list)
    """Promises that were broken on the way."""
    tasks_by_job: dict[UUID, list[str]] = field(default_factory=lambda: defaultdict(list))
    """Tasks that the job's POSTs really made."""
    misnamed: dict[str, UUID] = field(default_factory=dict)
    """Tasks that the provider has named in answer to a POST which made another one, and that POST's job."""
    departed: list[Flight] = field(default_factory=list)
    """Submits that left since the database was last set back."""
    forgotten: set[str] = field(default_factory=set)
    """Tasks that were made before the database was set back to when it did not know them."""
    gone: dict[UUID, str] = field(default_factory=dict)
    """Jobs that were enqueued after the backup that was restored, and their idempotency keys."""
    sent: set[tuple[UUID, int]] = field(default_factory=set)
    """Attempts whose POST has left."""
    hidden: dict[str, list[datetime]] = field(default_factory=lambda: defaultdict(list))
    """When a readable listing did not show a task that it should have shown."""

    def on_departure(self, flight: Flight) -> None:
        """A request leaves a worker."""
        if flight.operation != "submit":
            return
        rows = self.database.execute(
            "SELECT a.number, a.state, j.state FROM attempts a JOIN render_jobs j ON j.id = a.job_id"
            " WHERE a.job_id = %s ORDER BY a.number DESC LIMIT 1",
            [flight.sender],
        ).fetchall()
        if not rows or rows[0][1:] != ("sent", "submitting"):
            self.broken.append(f"a POST left for job {flight.sender} whose newest attempt and state are {rows}")
            return
        attempt = (flight.sender, int(str(rows[0][0])))
        if attempt in self.sent:
            self.broken.append(f"attempt {attempt[1]} of job {flight.sender} was sent twice")
        self.sent.add(attempt)
        self.departed.append(flight)

    def on_arrival(self, flight: Flight) -> None:
        """A request was answered by the provider, whoever hears it."""
        if flight.operation == "submit" and flight.sender is not None:
            [line] = self.service.provider.store.requests.newest(1, "submit")
            if line["task_id"]:
                self.tasks_by_job[flight.sender].append(line["task_id"])
                named = _named_task(flight)
                if named not in {None, line["task_id"]}:
                    self.misnamed[str(named)] = flight.sender
                if not any(one is flight for one in self.departed):
                    self.forgotten.add(line["task_id"])
        elif flight.operation == "list":
            self._compare_listing(flight)

    @property
    def task_count(self) -> int:
        """How many tasks our POSTs have made."""
        return sum(len(made) for made in self.tasks_by_job.values())

    def jobs(self) -> dict[UUID, str]:
        """The jobs that the database knows, and their idempotency keys."""
        rows = self.database.execute("SELECT id, idempotency_key FROM render_jobs")
        return {UUID(str(job_id)): str(key) for job_id, key in rows}

    def on_restore(self, before: dict[UUID, str]) -> None:
        """The database was set back.

        Args:
            before: The jobs that it knew then.
        """
        rows = self.database.execute("SELECT job_id, number FROM attempts").fetchall()
        self.sent &= {(UUID(str(job_id)), int(str(number))) for job_id, number in rows}
        known = {str(task_id) for (task_id,) in self.database.execute("SELECT provider_task_id FROM provider_tasks")}
        self.forgotten |= {task_id for made in self.tasks_by_job.values() for task_id in made} - known
        now = self.jobs()
        self.gone = {job_id: key for job_id, key in (self.gone | before).items() if job_id not in now}
        self.departed.clear()

    def _compare_listing(self, flight: Flight) -> None:
        body = flight.answer.body if flight.answer else b""
        try:
            page = json.loads(_unzipped(body))
            shown = {row["task_id"] for row in page["data"]}
            if len(shown) != page["total"]:
                return  # what says of itself that it misses tasks deceives nobody
        except (ValueError, KeyError, TypeError, RecursionError):
            return
        asked = flight.request.url.params
        for task_id in self.tasks_by_job[flight.sender] if flight.sender else []:
            task = self.service.provider.store.tasks.get(task_id)
            # A window that leaves the task out is no fault of the provider's.
            if task and asked["start_time"] <= _listed_time(task) <= asked["end_time"] and task_id not in shown:
                self.hidden[task_id].append(self.clock.now())

    def was_hidden(self, task_id: str) -> bool:
        """Whether listings hid a task for as long as nobody can be protected from."""
        seen = self.hidden[task_id]
        return len(seen) > 1 and seen[-1] - seen[0] >= HIDDEN_FOR


def _listed_time(task: Task) -> str:
    return format_time(datetime.fromtimestamp(task.submitted_ms / 1000, UTC))


def _unzipped(body: bytes) -> bytes:
    return gzip.decompress(body) if body.startswith(b"\x1f\x8b") else body


def _named_task(flight: Flight) -> str | None:
    """The task id in an answer, as a worker would read it; None: there is none."""
    try:
        document = json.loads(_unzipped(flight.answer.body)) if flight.answer else None
        return str(document["output"]["task_id"])
    except (ValueError, KeyError, TypeError, RecursionError):
        return None
