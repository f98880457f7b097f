"""``python -m workers explain``: why a job was paid for more than once, so that the audit reports new cases only."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated
from uuid import UUID

import typer
from sqlalchemy import func, select
from sqlalchemy.orm import Session

from models.job_event import DOUBLE_PAYMENT_EXPLAINED
from models.operations.jobs.transitions import record
from models.provider_task import ProviderTask
from models.render_job import RenderJob
from reelqueue.errors import ReelqueueError
from reelqueue.states import TaskStatus
from workers.operator.console import open_context

By = Annotated[str, typer.Option("--by", help="Your name; it stands in the job's history and in every audit.")]
Why = Annotated[str, typer.Option("--why", help="What happened.")]


class PaidOnceError(ReelqueueError):
    """A job was not paid for more than once, so there is nothing to explain."""

    def __init__(self, job_id: UUID, paid_count: int) -> None:
        super().__init__(job_id, paid_count)
        self.job_id = job_id
        self.paid_count = paid_count

    def __str__(self) -> str:
        return f"render job {self.job_id} has {self.paid_count} paid tasks; only what was paid twice is explained"


def explain(session: Session, job_id: UUID, *, by: str, why: str, now: datetime) -> int:
    """Record why a job was paid for more than once; a further payment breaks the audit again.

    Args:
        session: In a transaction; the caller commits.
        job_id: The job.
        by: Who says so.
        why: What happened.
        now: The time.

    Returns:
        How many paid tasks the job has.

    Raises:
        PaidOnceError: It has one, or none.
        ReelqueueError: The name or the reason is empty.
    """
    if not by.strip() or not why.strip():
        raise ReelqueueError("--by and --why must say something: they stand in every audit from now on")
    session.get(RenderJob, job_id, with_for_update={"key_share": True})
    succeeded = (ProviderTask.job_id == job_id, ProviderTask.status == TaskStatus.SUCCEEDED)
    paid_count = session.scalars(select(func.count()).select_from(ProviderTask).where(*succeeded)).one()
    if paid_count < 2:
        raise PaidOnceError(job_id, paid_count)
    detail = {"paid": paid_count, "by": by.strip(), "why": why.strip()}
    record(session, job_id, DOUBLE_PAYMENT_EXPLAINED, now=now, detail=detail)
    return paid_count


def explain_command(job_id: UUID, *, by: By, why: Why) -> None:
    """Say why a job was paid for more than once: the audit shows it as a warning from then on."""
    with open_context() as context, context.sessions.begin() as session:
        paid_count = explain(session, job_id, by=by, why=why, now=context.clock.now(session))
    typer.echo(f"{paid_count} paid tasks of render job {job_id} are explained")
