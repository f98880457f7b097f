"""What a task cost that the list shows as SUCCEEDED: by its usage, for which it is asked as long as any other."""

from __future__ import annotations

from datetime import datetime, timedelta

from sqlalchemy.orm import Session

from models.operations.jobs.newest_task import newest_task
from models.operations.money.ledger import LedgerCharge
from models.operations.scheduling.poll_wakeups import NextPoll
from models.provider_task import ProviderTask
from models.render_job import RenderJob
from reelqueue.states import TERMINAL, RenderState
from workers.dashscope import TaskAnswer
from workers.polling.apply_answers import store_answer
from workers.polling.settlement import charges_of
from workers.settings import Settings


def store_and_charge(
    session: Session, job: RenderJob, task: ProviderTask, answer: TaskAnswer, settings: Settings, *, now: datetime
) -> tuple[list[LedgerCharge], NextPoll | None]:
    """Store a success, and have it polled for its usage if it has none.

    Args:
        session: In a transaction that has locked the job; the caller enters the charges, wakes the lane, and commits.
        job: The job that has the task.
        task: Our row of the task.
        answer: What it said.
        settings: How often it is asked.
        now: The time.

    Returns:
        What to enter, nothing if it is written off already; and its next poll, if any.
    """
    store_answer(session, task.id, answer, now=now)
    session.refresh(task)
    next_poll_at = now + timedelta(seconds=settings.poll.late_interval_seconds)
    asks = (
        not answer.billed_seconds and next_poll_at <= (task.usage_until or now) and _is_polled_for(session, job, task)
    )
    if asks:
        job.next_poll_at, job.poll_deadline_at = next_poll_at, job.poll_deadline_at or now
        session.flush()
    charges = charges_of(session, task.id, answer, is_followed=asks, now=now)
    return charges, NextPoll(task.account_id, next_poll_at) if asks else None


def _is_polled_for(session: Session, job: RenderJob, task: ProviderTask) -> bool:
    """Whether a poll of the job would ask about this task, and decide about nothing else."""
    is_at_rest = job.state in TERMINAL or job.state is RenderState.ARCHIVING
    newest = session.scalars(newest_task(job.id)).one()
    return is_at_rest and job.account_id == task.account_id and newest.id == task.id
