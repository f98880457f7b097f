"""``./run up``: one start at a time on a folder, no orphan after a kill -9, and the next start goes on.

Told as one story, because each start takes seconds: a job renders, a second start is refused, everything is killed,
and the next start finishes the job.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import httpx
import psutil
import pytest

from embedded.processes.server_folders import remove_folder
from reelqueue import Client
from reelqueue.schemas.jobs import Job
from tests.system.acceptance.processes import SECONDS, Running, running

pytestmark = [pytest.mark.timeout(400), pytest.mark.xdist_group("stack")]


@dataclass(frozen=True)
class Story:
    """What was seen."""

    refused: Running
    """The second start."""
    first_pid: int
    orphans: list[psutil.Process]
    """What still ran after the kill -9."""
    job: Job
    """As the second life of the stack finished it."""
    billed_count: int
    left_running: list[psutil.Process]
    """What still ran after the orderly end."""


def test_a_second_start_is_refused_and_told_who_runs(story: Story) -> None:
    assert story.refused.finish() == 1
    assert f"in use by process {story.first_pid}" in story.refused.lines[-1]


def test_a_kill_9_leaves_no_orphan(story: Story) -> None:
    assert story.orphans == []


def test_the_next_start_finishes_what_was_rendering(story: Story) -> None:
    assert story.job.state == "succeeded"
    assert story.billed_count == 1


def test_an_orderly_end_leaves_no_process(story: Story) -> None:
    assert story.left_running == []


@pytest.fixture(scope="module")
def story(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Story]:
    state = tmp_path_factory.mktemp("up")
    with running("up", "--any-ports", "--state", str(state), "--time-scale", "10") as first:
        address = first.read_until("REELQUEUE_API_URL=").partition("=")[2]
        with running("up", "--any-ports", "--state", str(state)) as refused:
            refused.finish()
        with Client(address) as client:
            job = client.submit(model="wan2.6-t2v", prompt="a paper boat", duration=5, poll_interval_ms=1000)
        started = first.started()
        first.kill()
        _, orphans = psutil.wait_procs(started, timeout=SECONDS)
    with running("up", "--any-ports", "--state", str(state), "--time-scale", "100") as second:
        second.read_until("REELQUEUE_API_URL=")
        with Client(address) as client:
            finished = client.get(job.id).wait(SECONDS)
        ledger = httpx.get(address_of(second, "simulator"), trust_env=False).json()
        started = second.started()
        second.stop()
        _, left_running = psutil.wait_procs(started, timeout=SECONDS)
    yield Story(refused, first.pid, orphans, finished, ledger["count"], left_running)
    for server in ("postgres", "valkey"):
        remove_folder(state / server)


def address_of(stack: Running, service: str) -> str:
    """What the stack said about a service's door."""
    return next(line.split()[1] for line in stack.lines if line.startswith(service))
