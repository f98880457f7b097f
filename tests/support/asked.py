"""Text jobs at the real simulator, driven by the test instead of by Celery."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any
from uuid import UUID

from sqlalchemy import select

from models import LedgerEntry, TextAttempt, TextJob, TextLane
from models.operations.texts.enqueue import TextJobOptions, enqueue_text_job
from reelqueue.qwen import parse_text_request
from tests.conftest import Simulator
from tests.support.recorded_hints import RecordedHints
from workers.audit.check import Finding
from workers.audit.invariants import audit
from workers.audit.text_bill import audit_texts
from workers.runtime.context import Context
from workers.texts.answer import answer_text_job

MODEL = "qwen3.5-flash"
"""So many requests a minute that no test waits for its turn."""


@dataclass
class Asked:
    """Text jobs, in a database of the test's own."""

    context: Context
    hints: RecordedHints
    simulator: Simulator
    count: int = field(default=0, init=False)

    def queued(
        self, prompt: str = "", *, options: TextJobOptions | None = None, campaign_id: UUID | None = None, **more: Any
    ) -> UUID:
        """A job that waits; each asks another question."""
        self.count += 1
        request = {"model": MODEL, "prompt": prompt or f"Name paper boat {self.count}.", **more}
        with self.context.sessions.begin() as session:
            now = self.context.clock.now(session)
            return enqueue_text_job(
                session, parse_text_request(request), options, now=now, campaign_id=campaign_id
            ).job_id

    def answered(self, job_id: UUID) -> TextJob:
        """A job after the step."""
        answer_text_job(self.context, job_id)
        return self.job(job_id)

    def job(self, job_id: UUID) -> TextJob:
        """A job as it is now."""
        with self.context.sessions() as session:
            return session.get_one(TextJob, job_id)

    def attempts(self, job_id: UUID) -> list[TextAttempt]:
        """Its calls, by number."""
        with self.context.sessions() as session:
            mine = select(TextAttempt).where(TextAttempt.job_id == job_id).order_by(TextAttempt.number)
            return list(session.scalars(mine))

    def entries(self) -> list[LedgerEntry]:
        """The ledger, in order."""
        with self.context.sessions() as session:
            return list(session.scalars(select(LedgerEntry).order_by(LedgerEntry.id)))

    def lane(self) -> TextLane:
        """The one lane."""
        with self.context.sessions() as session:
            return session.scalars(select(TextLane)).one()

    def fault(self, kind: str, **rest: Any) -> None:
        """Something goes wrong with the next call."""
        fault = {"operation": "chat", "kind": kind, **rest}
        self.simulator.control.post("faults", json=fault).raise_for_status()

    def charges(self) -> list[dict[str, Any]]:
        """What the simulator has billed."""
        entries: list[dict[str, Any]] = self.simulator.control.get("texts").json()["entries"]
        return entries

    def broken(self) -> list[Finding]:
        """What the audit finds, the simulator's ledger compared."""
        with self.context.sessions.begin() as session:
            findings = audit(session)
        return [finding for finding in [*findings, *audit_texts(self.context)] if finding.is_broken]
