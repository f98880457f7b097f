"""A worker process from end to end: killed, flushed and fed garbage, it renders each job once."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from embedded.servers.valkey import ValkeyServer
from reelqueue.states import TextState
from tests.conftest import Simulator
from tests.support.real_worker import PATIENCE_SECONDS, ROOT, Studio, working

pytestmark = pytest.mark.timeout(4 * PATIENCE_SECONDS)


@pytest.fixture
def studio(database_url: str, broker: ValkeyServer, simulator: Simulator, tmp_path: Path) -> Iterator[Studio]:
    """A worker of the test's own."""
    with working(database_url, broker, simulator, tmp_path) as studio:
        yield studio


def test_a_producer_with_nothing_of_ours_gets_its_videos(studio: Studio) -> None:
    request = {"model": "wan2.6-t2v", "prompt": "a paper boat", "duration": 2, "poll_interval_ms": 300}
    first = studio.send(request, "order-1").get(timeout=PATIENCE_SECONDS)
    again = studio.send(request, "order-1").get(timeout=PATIENCE_SECONDS)
    studio.enqueue(5)

    studio.wait_for(succeeded=6)

    assert (first["job_id"], first["is_new"], again["is_new"]) == (again["job_id"], True, False)
    assert (studio.billed(), studio.broken()) == (6, [])


def test_a_worker_that_is_killed_while_it_renders_is_made_up_for(studio: Studio) -> None:
    studio.enqueue(10)
    studio.wait_until(lambda: bool(studio.states()) and studio.simulator.control.get("log").json()["requests"] != [])

    studio.child.kill()
    studio.child.start()
    studio.wait_for(succeeded=10)

    assert (studio.billed(), studio.broken()) == (10, [])


def test_a_broker_that_forgets_everything_costs_seconds(studio: Studio) -> None:
    studio.enqueue(10)
    studio.wait_until(lambda: studio.states().total() == 10)

    studio.broker.flush()
    studio.wait_for(succeeded=10)

    assert (studio.billed(), studio.broken()) == (10, [])


def test_text_jobs_are_asked_once_by_a_worker_that_is_killed_and_a_broker_that_forgets(studio: Studio) -> None:
    for number in range(10):
        request = {"model": "qwen3.5-flash", "prompt": f"Name paper boat {number}.", "on_lost_answer": "hold"}
        studio.producer.send_task(
            "intake.enqueue_text", kwargs={"request": request, "idempotency_key": f"boat {number}"}
        )
    studio.wait_until(lambda: studio.text_states().total() == 10)

    studio.broker.flush()
    studio.child.kill()
    studio.child.start()
    studio.wait_until(lambda: not studio.text_states().keys() - {TextState.SUCCEEDED, TextState.HELD})

    held = studio.text_states()[TextState.HELD]
    charges = studio.simulator.control.get("texts").json()["count"]
    assert 10 - held <= charges <= 10
    assert studio.broken() == []


def test_a_stop_with_work_in_hand_is_quick_and_loses_nothing(studio: Studio) -> None:
    studio.enqueue(6)
    studio.wait_until(lambda: studio.states()["rendering"] > 0)

    studio.child.ask_to_stop()
    assert studio.child.wait(PATIENCE_SECONDS) == 0
    studio.child.start()
    studio.wait_for(succeeded=6)

    assert (studio.billed(), studio.broken()) == (6, [])


def test_garbage_from_producers_stops_nobody(studio: Studio) -> None:
    with studio.producer.connection_for_write() as connection, connection.Producer(serializer="pickle") as pickles:
        pickles.publish({"task": "intake.enqueue"}, routing_key="intake", exchange="intake")
    studio.producer.send_task("intake.enqueue", args=["one", "two", "three"])
    studio.producer.send_task("no.such.task")
    refused = studio.send({"model": "wan2.6-t2v", "prompt": "x", "duration": 99}, "too long")
    with pytest.raises(Exception, match="duration"):
        refused.get(timeout=PATIENCE_SECONDS)

    studio.enqueue(1)
    studio.wait_for(succeeded=1)

    assert (studio.billed(), studio.broken()) == (1, [])


def test_the_doctor_and_the_audit_find_a_working_stack_well(studio: Studio) -> None:
    studio.enqueue(1)
    studio.wait_for(succeeded=1)
    environment = {**studio.child.command.environment, "REELQUEUE_FLOWER_URL": "http://127.0.0.1:1"}
    workers = [sys.executable, "-m", "workers"]

    doctor = subprocess.run([*workers, "doctor", "--json"], cwd=ROOT, env=environment, capture_output=True, check=False)
    audit = subprocess.run([*workers, "audit"], cwd=ROOT, env=environment, capture_output=True, check=False)

    assert [line for line in map(json.loads, doctor.stdout.splitlines()) if not line["is_healthy"]] == []
    assert (doctor.returncode, audit.returncode) == (0, 0)
    assert b"canary" not in doctor.stdout + doctor.stderr
