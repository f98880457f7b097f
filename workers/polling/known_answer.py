"""What a task has said before it was bound: its answer is written as if a poll had brought it."""

from __future__ import annotations

from datetime import datetime, timedelta

from sqlalchemy import select
from sqlalchemy.orm import Session

from models.provider_task import ProviderTask
from models.render_job import RenderJob
from workers.dashscope import TaskAnswer
from workers.polling.apply_answers import Asked, Effects, apply_answers
from workers.polling.decisions import DuePoll, decide_poll
from workers.polling.poll_batch import rules_of
from workers.settings import Settings
from workers.submission.task_binding import OpenAttempt


def apply_known(
    session: Session, attempt: OpenAttempt, answer: TaskAnswer, settings: Settings, *, now: datetime
) -> Effects:
    """Write the answer of a task that was just bound: one that has ended gives its slot back before anyone counts it.

    Args:
        session: In the transaction that bound it; the caller commits, then sends what the effects call for.
        attempt: The attempt that has the task now.
        answer: What the task said last.
        settings: What decisions depend on.
        now: The time.
    """
    job = session.get_one(RenderJob, attempt.job_id, populate_existing=True)
    if job.next_poll_at is None or job.poll_deadline_at is None:
        return Effects()
    mine = select(ProviderTask).where(ProviderTask.attempt_id == attempt.attempt_id)
    watch = timedelta(hours=settings.poll.watch_hours)
    due = DuePoll.of(job, session.scalars(mine).one(), watch=watch, spacing=attempt.spacing)
    outcome = decide_poll(due, answer, now, rules_of(settings))
    return apply_answers(session, [(Asked(due, now, answer), outcome)], now=now)
