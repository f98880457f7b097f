"""Jobs whose submit got no answer, and the provider's listing that is asked about them."""

from __future__ import annotations

import threading
from collections.abc import Callable
from dataclasses import dataclass
from datetime import timedelta
from typing import Any
from uuid import UUID

import httpx
from sqlalchemy import update

from models import Account, Attempt, ProviderTask, Slot
from tests.support.jobs import MODEL, Jobs
from tests.support.rows import Rows
from tests.support.scripted_provider import Said, ScriptedProvider, _operation, listing, succeeded, task
from tests.support.virtual_clock import VirtualClock
from workers.reconciliation.reconcile import reconcile_attempt
from workers.runtime.context import Context
from workers.submission.submit import Claim, claim_job, mark_sent

CUT_OFF = httpx.ReadError("the connection was cut")
HOUR_SECONDS = 3600.0
QUIET_SECONDS = 180.0
"""So long after a submit no POST is under way, and the listing shows what it made."""


class WatchedProvider(ScriptedProvider):
    """A provider during whose answers something else can happen."""

    def __init__(self, clock: VirtualClock | None = None) -> None:
        super().__init__(clock)
        self._meanwhile: dict[str, Callable[[], object]] = {}

    def during(self, operation: str, happens: Callable[[], object]) -> None:
        """Let something happen while the next such call is answered."""
        self._meanwhile[operation] = happens

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        """One call."""
        response = await super().handle_async_request(request)
        if (happens := self._meanwhile.pop(_operation(request), None)) is not None:
            # In a thread of its own, as it may have an event loop of its own.
            thread = threading.Thread(target=happens)
            thread.start()
            thread.join()
        return response


@dataclass
class Doubts:
    """Makes ambiguous attempts, and asks about them when they are due."""

    context: Context
    jobs: Jobs
    rows: Rows
    provider: WatchedProvider

    def ambiguous(self, said: Said = CUT_OFF, **options: Any) -> UUID:
        """A job whose submit left, and whose answer was lost."""
        self.provider.on_submit(said)
        return self.jobs.rendering(**options)

    def in_flight(self, **options: Any) -> Claim:
        """A job whose submit is under way."""
        hint = self.jobs.admitted(**options)
        claim = claim_job(self.context, hint.job_id, hint.epoch)
        assert claim is not None
        assert mark_sent(self.context, claim)
        return claim

    def attempt(self, job_id: UUID) -> Attempt:
        """A job's newest attempt."""
        return self.rows.attempts(job_id)[-1]

    def ask(self, job_id: UUID, *, after_seconds: float = 0) -> str:
        """Ask about a job when it is due, or that much later."""
        attempt = self.attempt(job_id)
        assert attempt.reconcile_at is not None
        self.jobs.clock.time = max(self.jobs.clock.time, attempt.reconcile_at) + timedelta(seconds=after_seconds)
        return reconcile_attempt(self.context, attempt.id)

    def ask_until_absent(self, job_id: UUID) -> str:
        """Ask about a job until the listing has ruled its task out."""
        said = ""
        for _ in range(10):
            said = said if self.attempt(job_id).reconcile_at is None else self.ask(job_id)
        return said

    def give_up(self, job_id: UUID) -> str:
        """Ask about a job when there is no point in asking again."""
        return self.ask(job_id, after_seconds=HOUR_SECONDS)

    def lists(self, *task_ids: str, **echoes: str | None) -> None:
        """The listing shows tasks: renders that tell nothing yet, and *echoes*: finished ones with their prompts."""
        ids = [*task_ids, *echoes]
        self.provider.on_list(listing(*(row(task_id) for task_id in ids)))
        for task_id in task_ids:
            self.provider.on_query(task("RUNNING"), task_id=task_id)
        for task_id, prompt in echoes.items():
            said = succeeded() if prompt is None else succeeded(orig_prompt=prompt)
            self.provider.on_query(said, task_id=task_id)


def row(task_id: str, **columns: Any) -> dict[str, Any]:
    """A row of the listing."""
    return {"task_id": task_id, "status": "RUNNING", "model_name": MODEL, "request_id": f"of-{task_id}", **columns}


def at_another_account(rows: Rows, job_id: UUID) -> None:
    """Move what a job has at the provider to another account of ours, whose key is of the same main account."""
    with rows.sessions.begin() as session:
        other = Account(name="other", base_url=rows.account().base_url, region="x", key_env="ALIBABA_API_KEY")
        session.add(other)
        session.flush()
        for table in (Attempt, ProviderTask, Slot):
            session.execute(update(table).where(table.job_id == job_id).values(account_id=other.id))
