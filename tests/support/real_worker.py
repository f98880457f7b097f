"""A real Celery worker process with its beat, over the suite's own services and the simulator."""

from __future__ import annotations

import json
import os
import sys
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from celery import Celery
from sqlalchemy import Engine, select
from sqlalchemy.orm import Session

from embedded.processes.child_process import ChildProcess, Command
from embedded.servers.valkey import ValkeyServer
from models import RenderJob, TextJob
from models.session import make_engine
from reelqueue.states import RenderState, TextState
from tests.conftest import Simulator
from workers.audit.invariants import audit
from workers.timings import TEST_TIMINGS

ROOT = Path(__file__).parents[2]
PATIENCE_SECONDS = 90.0
"""Bounds every wait on a busy machine; none takes this long."""

_QUEUES = "control,intake,celery,submit,poll,archive,text,batch"
# Everything that heals, heals soon; nothing is quicker than it is safe.
_QUICK = {
    "TEXT_SEND_WITHIN_SECONDS": 3,
    "TEXT_IDLE_SECONDS": 3,
    "TEXT_SETTLE_WITHIN_SECONDS": 3,
    "TEXT_EXTEND_SECONDS": 0.5,
    "SWEEP_SECONDS": 1,
    "OVERDUE_SECONDS": 1,
    "LONGEST_COUNTDOWN_SECONDS": 4,
    "VISIBILITY_TIMEOUT_SECONDS": 8,
    "POLL_LEASE_SECONDS": 5,
    "ARCHIVE_READ_SECONDS": 3,
    "ARCHIVE_HEADERS_SECONDS": 4,
    "ARCHIVE_LEASE_SECONDS": 5,
    "ARCHIVE_RETRY_SECONDS": 1,
    "SUBMIT_SEND_WITHIN_SECONDS": 4,
    "SUBMIT_POST_SECONDS": 5,
    "SUBMIT_SETTLE_WITHIN_SECONDS": 3,
    "RECONCILE_FIRST_LOOK_SECONDS": 1,
    "RECONCILE_ASK_AGAIN_SECONDS": 1,
    "RECONCILE_ABSENT_SECONDS": 3,
}


@dataclass
class Studio:
    """A worker, what it works for, and a producer that has nothing of ours installed."""

    child: ChildProcess
    engine: Engine
    broker: ValkeyServer
    simulator: Simulator
    producer: Celery

    def enqueue(self, count: int, prompt: str = "a paper boat", **options: Any) -> None:
        """Send that many requests, each with a key of its own."""
        for number in range(count):
            request = {"model": "wan2.6-t2v", "prompt": f"{prompt} {number}", "resolution": "1280x720", "duration": 2}
            request |= {"poll_interval_ms": 300, **options}
            self.send(request, f"{prompt} {number}")

    def send(self, request: dict[str, Any], key: str) -> Any:  # noqa: ANN401 -- Celery's, untyped
        """Send one request."""
        return self.producer.send_task("intake.enqueue", kwargs={"request": request, "idempotency_key": key})

    def states(self) -> Counter[RenderState]:
        """How many jobs stand where."""
        with Session(self.engine) as session:
            return Counter(session.scalars(select(RenderJob.state)))

    def text_states(self) -> Counter[TextState]:
        """How many text jobs stand where."""
        with Session(self.engine) as session:
            return Counter(session.scalars(select(TextJob.state)))

    def wait_until(self, condition: Callable[[], bool]) -> None:
        """Wait until something holds; the worker's log tells why it did not."""
        give_up_at = time.monotonic() + PATIENCE_SECONDS
        while not condition():
            if time.monotonic() > give_up_at:
                log = self.child.log_path.read_text()[-6000:]
                raise AssertionError(f"did not come: {dict(self.states())}\n{log}")
            time.sleep(0.02)

    def wait_for(self, **counts: int) -> None:
        """Wait until the jobs stand so."""
        self.wait_until(lambda: {state.value: count for state, count in self.states().items()} == counts)

    def billed(self) -> int:
        """How many renders the provider has billed."""
        count: int = self.simulator.control.get("ledger").json()["count"]
        return count

    def broken(self) -> list[str]:
        """Invariants that do not hold."""
        with Session(self.engine) as session:
            return [finding.check.name for finding in audit(session) if finding.rows]


@contextmanager
def working(
    database_url: str, broker: ValkeyServer, simulator: Simulator, folder: Path, **timings: float
) -> Iterator[Studio]:
    """A worker for every queue, with its beat; *timings* are other ones than most tests need."""
    environment = os.environ | {TEST_TIMINGS: json.dumps(_QUICK | timings)}
    environment |= {
        "REELQUEUE_DATABASE_URL": database_url,
        "REELQUEUE_BROKER_URL": broker.broker_url,
        "REELQUEUE_RESULT_BACKEND_URL": broker.result_backend_url,
        "REELQUEUE_VIDEO_BASE_URL": simulator.base_url,
        "REELQUEUE_ARCHIVE_URL": f"file:{folder}/archive",
        "ALIBABA_API_KEY": "sk-canary-7d1f",
    }
    arguments = ["-A", "workers.app", "worker", "--pool", "threads", "--concurrency", "8", "--hostname", "all@test"]
    arguments += ["-Q", _QUEUES, "--beat", "--schedule", f"{folder}/beat"]
    command = Command(
        name="worker", arguments=[sys.executable, "-m", "celery", *arguments], environment=environment, folder=ROOT
    )
    engine = make_engine(database_url)
    producer = Celery(broker=broker.broker_url, backend=broker.result_backend_url, set_as_current=False)
    studio = Studio(ChildProcess(command, logs=folder, pids=folder), engine, broker, simulator, producer)
    studio.child.start()
    yield studio
    studio.child.stop()
    producer.close()
    engine.dispose()
