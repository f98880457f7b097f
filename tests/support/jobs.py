"""Render jobs on their way: brought where a test wants them by the code itself."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any
from uuid import UUID

from sqlalchemy import update

from models.operations.jobs.enqueue import enqueue_render_job
from models.render_job import RenderJob
from models.tenant import DEFAULT_TENANT_NAME, ensure_tenant
from reelqueue.requests.parse import parse_request
from tests.support.recorded_hints import RecordedHints, SubmitHint
from tests.support.scripted_provider import Said, ScriptedProvider, succeeded
from tests.support.virtual_clock import VirtualClock
from workers.dispatch.dispatcher import dispatch
from workers.polling.poll_batch import Report, poll_account
from workers.runtime.context import Context
from workers.submission.submit import submit_render_job

MODEL = "wan2.6-t2v"
PROMPT = "a paper boat on a rainy street"


@dataclass
class Jobs:
    """Makes jobs and carries them on, step by step."""

    context: Context
    clock: VirtualClock
    hints: RecordedHints
    provider: ScriptedProvider

    def queued(self, *, tenant: str = DEFAULT_TENANT_NAME, **options: Any) -> UUID:
        """A job that waits."""
        request = parse_request({"model": MODEL, "prompt": PROMPT, "resolution": "1280x720", **options})
        with self.context.sessions.begin() as session:
            tenant_id = ensure_tenant(session, tenant)
            return enqueue_render_job(session, request, now=self.clock.now(), tenant_id=tenant_id).job_id

    def queued_before_raw_was_checked(self, raw: dict[str, Any], **options: Any) -> UUID:
        """A job that waits, stored by a version that let `raw` replace options."""
        job_id = self.queued(**options)
        with self.context.sessions.begin() as session:
            session.execute(update(RenderJob).where(RenderJob.id == job_id).values(extra_options={"raw": raw}))
        return job_id

    def admitted(self, **options: Any) -> SubmitHint:
        """A job with a slot, and the hint that says so."""
        job_id = self.queued(**options)
        dispatch(self.context)
        return next(hint for hint in self.hints.submits if hint.job_id == job_id)

    def submit(self, hint: SubmitHint) -> str:
        """Act on a hint."""
        return submit_render_job(self.context, hint.job_id, hint.epoch)

    def rendering(self, **options: Any) -> UUID:
        """A job at the provider."""
        hint = self.admitted(**options)
        self.submit(hint)
        return hint.job_id

    def poll(self, *said: Said, after_seconds: float | None = None) -> Report | None:
        """Follow the newest wake-up, at its time or later; *said* is what the provider answers."""
        wake = self.hints.wakes[-1]
        if after_seconds is not None:
            self.clock.advance(after_seconds)
        self.clock.time = max(self.clock.time, wake.at)
        if said:
            self.provider.on_query(*said)
        return poll_account(self.context, wake.account_id, wake.seq)

    def archiving(self, **options: Any) -> UUID:
        """A job whose video is ready."""
        url = options.pop("url", None)
        job_id = self.rendering(**options)
        self.poll(succeeded(url) if url else succeeded())
        return job_id
