"""Polling, one batch at a time: when the provider is asked, and what follows."""

from __future__ import annotations

from reelqueue.states import RenderState
from tests.workers.jobs import Jobs
from tests.workers.rows import Rows
from tests.workers.virtual_clock import VirtualClock


def test_an_interval_of_1_s_and_a_timeout_of_3_s_are_honoured(jobs: Jobs, rows: Rows, clock: VirtualClock) -> None:
    job_id = jobs.rendering(poll_interval_ms=1000, poll_timeout_ms=3000)

    asked_at = []
    while rows.state(job_id) is RenderState.RENDERING:
        jobs.poll()
        asked_at.append((clock.now() - clock.at(0)).total_seconds())

    assert asked_at == [1, 2, 3]
    assert rows.state(job_id) is RenderState.TIMED_OUT
