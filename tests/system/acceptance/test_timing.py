"""A job's own interval and timeout, and the video that is collected after it: one life, told by its events."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import datetime

import httpx
import pytest

from embedded.processes.server_folders import remove_folder
from reelqueue import Client, RenderJobHandle
from reelqueue.schemas.jobs import Job
from tests.system.acceptance.processes import SECONDS, running
from workers.timings import TEST_TIMINGS

pytestmark = [pytest.mark.timeout(400), pytest.mark.xdist_group("stack")]


@dataclass(frozen=True)
class Life:
    """What was seen of a job that renders longer than it may."""

    timed_out: Job
    collected: Job
    billed_count: int


def test_it_is_polled_at_its_interval_and_not_more_often(life: Life) -> None:
    # At 1, 2 and 3 s; a machine that is too busy for one of them skips it. Exactly when: test_follow_timing.py.
    assert 1 <= life.timed_out.poll_count <= 3


def test_it_times_out_at_its_deadline(life: Life) -> None:
    job = life.timed_out

    assert job.state == "timed_out"
    assert seconds(job.submitted_at, job.deadline_at) == 3
    assert seconds(job.deadline_at, job.finished_at) >= 0


def test_its_video_is_collected_when_it_arrives_late(life: Life) -> None:
    assert life.collected.state == "succeeded"
    assert life.collected.collected_late
    assert life.collected.asset is not None


def test_it_is_billed_once(life: Life) -> None:
    assert life.billed_count == 1


def seconds(since: datetime | None, until: datetime | None) -> float:
    """From one moment to another."""
    assert since is not None
    assert until is not None
    return (until - since).total_seconds()


def until(handle: RenderJobHandle, is_reached: Callable[[Job], bool]) -> Job:
    """The job when it has come that far."""
    give_up_at = time.monotonic() + SECONDS
    while time.monotonic() < give_up_at:
        handle.state()
        if is_reached(handle.job):
            return handle.job
        time.sleep(0.1)
    raise AssertionError(f"still not there: {handle.job}")


@pytest.fixture(scope="module")
def life(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Life]:
    state = tmp_path_factory.mktemp("timing")
    # The slow watch looks every second, so that the test need not wait a minute for it.
    timings = {TEST_TIMINGS: '{"POLL_LATE_INTERVAL_SECONDS": 1}'}
    with running(
        "up",
        "--any-ports",
        "--state",
        str(state),
        "--time-scale",
        "1",
        **timings,
    ) as stack:
        with Client(stack.read_until("REELQUEUE_API_URL=").partition("=")[2]) as client:
            handle = client.submit(
                model="wan2.6-t2v", prompt="slow [[run=3600]]", duration=2, poll_interval_ms=1000, poll_timeout_ms=3000
            )
            timed_out = until(handle, lambda job: job.is_terminal)
            simulator = next(line.split()[1] for line in stack.lines if line.startswith("simulator"))
            httpx.post(simulator.replace("ledger", "advance"), json={"seconds": 3600}, trust_env=False)
            collected = until(handle, lambda job: job.collected_late)
        ledger = httpx.get(simulator, trust_env=False).json()
    yield Life(timed_out, collected, ledger["count"])
    for server in ("postgres", "valkey"):
        remove_folder(state / server)
