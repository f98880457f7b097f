"""A deaf worker leaves and is started again; an idle or busy one, and one whose broker is away, stay."""

from __future__ import annotations

import os
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest
from celery import Celery
from sqlalchemy import Engine, func, select
from sqlalchemy.orm import Session

from embedded.processes.child_process import ChildProcess, Command
from embedded.processes.restart import KeptAlive
from embedded.servers.valkey import ValkeyServer
from models import RenderJob
from models.session import make_engine
from tests.conftest import ROOT
from workers.runtime.watchdog import EXIT_CODE, LOOKS, StallDetector, WorkerSample
from workers.timings import TEST_TIMINGS

SECONDS = 60.0
IDLE = WorkerSample(waiting_count=0, active_count=0, begun_count=7)
BUSY = WorkerSample(waiting_count=3, active_count=1, begun_count=7)
DEAF = WorkerSample(waiting_count=3, active_count=0, begun_count=7)


@pytest.mark.parametrize(
    "sights",
    [
        [IDLE] * 20,
        [BUSY] * 20,
        # Nobody can say what waits while the broker is away.
        [None] * 20,
        # Each look finds another message, and one more begun: short tasks, none of them running just now.
        [WorkerSample(1, 0, number) for number in range(1, 20)],
        # One look too few, again and again.
        ([DEAF] * (LOOKS - 1) + [IDLE]) * 4,
        ([DEAF] * (LOOKS - 1) + [None]) * 4,
    ],
    ids=["idle", "busy", "no broker", "short tasks", "idle now and then", "broker away now and then"],
)
def test_a_worker_that_hears_stays(sights: list[WorkerSample | None]) -> None:
    detector = StallDetector()

    assert not any(detector.is_stalled(sight) for sight in sights)


def test_a_worker_that_does_nothing_about_waiting_work_is_deaf() -> None:
    detector = StallDetector()
    detector.is_stalled(IDLE)

    assert [detector.is_stalled(DEAF) for _ in range(LOOKS)] == [False] * (LOOKS - 1) + [True]


@pytest.mark.timeout(4 * SECONDS)
def test_a_deaf_worker_leaves_and_the_next_one_does_its_work(theatre: Theatre) -> None:
    theatre.enqueue("heard")
    theatre.wait_until(lambda: theatre.stored() == 1)

    theatre.producer.control.broadcast("deafen", reply=True, timeout=SECONDS, limit=1)
    theatre.enqueue("not heard")

    theatre.wait_until(lambda: theatre.stored() == 2)
    assert theatre.exit_codes == [EXIT_CODE]


@dataclass
class Theatre:
    """One worker that is kept alive as the stack does."""

    kept: KeptAlive
    engine: Engine
    producer: Celery
    exit_codes: list[int | None]
    """Of its ends so far."""

    def enqueue(self, key: str) -> None:
        request = {"model": "wan2.6-t2v", "prompt": "a fox", "duration": 2}
        self.producer.send_task("intake.enqueue", kwargs={"request": request, "idempotency_key": key}, queue="intake")

    def stored(self) -> int:
        with Session(self.engine) as session:
            return session.scalars(select(func.count()).select_from(RenderJob)).one()

    def wait_until(self, condition: Callable[[], bool]) -> None:
        give_up_at = time.monotonic() + SECONDS
        while not condition():
            assert time.monotonic() < give_up_at, self.kept.child.log_path.read_text()[-6000:]
            if ending := self.kept.look():
                self.exit_codes.append(ending.exit_code)
            time.sleep(0.05)


@pytest.fixture
def theatre(database_url: str, broker: ValkeyServer, tmp_path: Path) -> Iterator[Theatre]:
    environment = os.environ | {
        "REELQUEUE_DATABASE_URL": database_url,
        "REELQUEUE_BROKER_URL": broker.broker_url,
        "REELQUEUE_RESULT_BACKEND_URL": broker.result_backend_url,
        TEST_TIMINGS: '{"DEAF_SECONDS": 2}',
        "REELQUEUE_VIDEO_BASE_URL": "http://127.0.0.1:9",  # other timings are for a provider on this machine
        "PYTHONPATH": str(ROOT),
    }
    arguments = [
        "-A",
        "tests.system.chaos.deafened",
        "worker",
        "--pool",
        "threads",
        "--concurrency",
        "2",
        "-Q",
        "intake",
    ]
    command = Command(
        name="worker", arguments=[sys.executable, "-m", "celery", *arguments], environment=environment, folder=ROOT
    )
    child = ChildProcess(command, logs=tmp_path, pids=tmp_path)
    producer = Celery(broker=broker.broker_url, set_as_current=False)
    engine = make_engine(database_url)
    child.start()
    yield Theatre(KeptAlive(child), engine, producer, [])
    child.stop()
    producer.close()
    engine.dispose()
