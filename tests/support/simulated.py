"""The real steps against the real simulator, driven by the test instead of by Celery."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass, field
from uuid import UUID

import httpx

from models.operations.jobs.enqueue import enqueue_render_job
from models.render_job import RenderJob
from reelqueue.requests.parse import parse_request
from reelqueue.states import RenderState
from tests.conftest import Simulator
from tests.support.recorded_hints import RecordedHints
from tests.support.rows import Rows
from workers.dispatch.dispatcher import dispatch
from workers.polling.poll_batch import poll_account
from workers.runtime.context import Context
from workers.submission.submit import submit_render_job

KEY = "sk-simulated"
MODEL = "wan2.6-t2v"
SUBMIT_PATH = "/api/v1/services/aigc/video-generation/video-synthesis"
PATIENCE_SECONDS = 60.0
PROMPT = "a paper boat [[run=1]]"


@dataclass
class Simulated:
    """Jobs at the simulator, in a database of the test's own."""

    context: Context
    hints: RecordedHints
    simulator: Simulator
    rows: Rows = field(init=False)

    def __post_init__(self) -> None:
        self.rows = Rows(self.context.sessions)

    def queued(self, *, stored_raw: dict[str, object] | None = None, **options: object) -> UUID:
        """A job that waits; *stored_raw* stands in its row as older versions let it."""
        request = parse_request({"model": MODEL, "prompt": PROMPT, "resolution": "720P", "duration": 2, **options})
        with self.context.sessions.begin() as session:
            job_id = enqueue_render_job(session, request, now=self.context.clock.now(session)).job_id
            if stored_raw is not None:
                session.get_one(RenderJob, job_id).extra_options = {"raw": stored_raw}
        return job_id

    def submitted(self, *, stored_raw: dict[str, object] | None = None, **options: object) -> UUID:
        """A job that was sent."""
        job_id = self.queued(stored_raw=stored_raw, **options)
        dispatch(self.context)
        hint = next(hint for hint in self.hints.submits if hint.job_id == job_id)
        submit_render_job(self.context, hint.job_id, hint.epoch)
        return job_id

    def rendered(self, **options: object) -> UUID:
        """A job whose video is ready, and paid."""
        job_id = self.submitted(poll_interval_ms=100, **options)
        self.wait_until(lambda: self.polled(job_id) is RenderState.ARCHIVING)
        return job_id

    def polled(self, job_id: UUID) -> RenderState:
        """A job's state after the newest wake-up, if that is due."""
        wake = self.hints.wakes[-1]
        with self.context.sessions() as session:
            is_due = self.context.clock.now(session) >= wake.at
        if is_due:
            poll_account(self.context, wake.account_id, wake.seq)
        return self.rows.state(job_id)

    def stray(self, prompt: str = "a stray [[run=1]]", *, seconds: int = 3) -> str:
        """A finished task of another program that uses the same key."""
        parameters = {"duration": seconds, "size": "1280*720"}
        body = {"model": MODEL, "input": {"prompt": prompt}, "parameters": parameters}
        with httpx.Client(base_url=self.simulator.base_url, trust_env=False) as client:
            headers = {"Authorization": f"Bearer {KEY}", "X-DashScope-Async": "enable"}
            task_id: str = client.post(SUBMIT_PATH, json=body, headers=headers).json()["output"]["task_id"]
        self.wait_until(lambda: task_id in [charge["task_id"] for charge in self.charges()])
        return task_id

    def charges(self) -> list[dict[str, str]]:
        """The simulator's ledger."""
        entries: list[dict[str, str]] = self.simulator.control.get("ledger").json()["entries"]
        return entries

    def wait_until(self, condition: Callable[[], bool]) -> None:
        """Wait until something holds."""
        give_up_at = time.monotonic() + PATIENCE_SECONDS
        while not condition():
            assert time.monotonic() < give_up_at, "did not come"
            time.sleep(0.02)
