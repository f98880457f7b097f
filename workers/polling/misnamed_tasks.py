"""Detects tasks that the provider named in answer to a submit which did not make them, by their echo at the end.

The answer to one submit may name the task of another, whose own answer was lost. The task that the submit really made
is in the provider's list then, and belongs to no job. What reconciliation or an operator has adopted is its job's,
whatever it tells.
"""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Final
from uuid import UUID

import structlog
from sqlalchemy import delete, func, select, update
from sqlalchemy.orm import Session

from models.attempt import Attempt
from models.job_event import JobEvent
from models.operations.jobs.transitions import record
from models.provider_task import ProviderTask
from models.render_job import RenderJob
from reelqueue.states import AttemptState
from workers.dashscope import ProviderError, TaskAnswer
from workers.dashscope.echoes import contradicts
from workers.polling.decisions import DuePoll
from workers.runtime.context import Context

log = structlog.get_logger(__name__)

_KIND: Final = "misnamed"
BELIEVED_MAX: Final = 3
"""Of an account and model within `_COUNTED_FOR`: more contradictions than these are no mistakes about one task."""
_COUNTED_FOR: Final = timedelta(days=1)


def find_misnamed(context: Context, answers: list[tuple[DuePoll, TaskAnswer | ProviderError]]) -> set[UUID]:
    """Our rows of the tasks that a submit's answer named and whose echo contradicts what was submitted.

    Args:
        context: To read with, if an answer contradicts anything.
        answers: Those of a batch.
    """
    suspects = [due.task_row_id for due, answer in answers if _is_contradicted(due, answer)]
    if not suspects:
        return set()
    named = (
        select(ProviderTask.id, ProviderTask.account_id, RenderJob.model)
        .join(Attempt, Attempt.id == ProviderTask.attempt_id)
        .join(RenderJob, RenderJob.id == ProviderTask.job_id)
        .where(ProviderTask.id.in_(suspects), Attempt.state == AttemptState.BOUND)
    )
    with context.sessions() as session:
        since = context.clock.now(session) - _COUNTED_FOR
        return {
            task_row_id
            for task_row_id, account_id, model in session.execute(named)
            if not _echoes_otherwise(session, account_id, model, since)
        }


def _is_contradicted(due: DuePoll, answer: TaskAnswer | ProviderError) -> bool:
    if not isinstance(answer, TaskAnswer) or due.lacks_only_usage:
        return False
    return contradicts(due.prompt, answer.orig_prompt)


def _echoes_otherwise(session: Session, account_id: UUID, model: str, since: datetime) -> bool:
    """Whether so many echoes of a model contradict their prompts that it must echo something else than the prompt."""
    told = (
        select(func.count())
        .select_from(JobEvent)
        .join(RenderJob, RenderJob.id == JobEvent.job_id)
        .where(
            JobEvent.kind == _KIND,
            JobEvent.at > since,
            RenderJob.account_id == account_id,
            RenderJob.model == model,
        )
    )
    if session.scalars(told).one() < BELIEVED_MAX:
        return False
    log.error("provider_task.odd_echo", account_id=str(account_id), model=model,
              remedy="compare the echo with the prompt; results are archived without that check meanwhile")  # fmt: skip
    return True


def lock_attempt(session: Session, due: DuePoll) -> None:
    """Lock the attempt of a task; to be called before its job is locked, as a late answer binds in this order."""
    mine = select(Attempt.id).join(ProviderTask, ProviderTask.attempt_id == Attempt.id)
    session.execute(mine.where(ProviderTask.id == due.task_row_id).with_for_update(of=Attempt))


def take_task_away(session: Session, due: DuePoll, *, now: datetime) -> None:
    """Free a task for the attempt that made it; what the job's own attempt made is unknown from now on.

    Args:
        session: In the transaction that moves the job.
        due: The job, and the task that it was asked about.
        now: The time.
    """
    attempt_id = session.scalars(
        delete(ProviderTask).where(ProviderTask.id == due.task_row_id).returning(ProviderTask.attempt_id)
    ).one()
    undecided = update(Attempt).where(Attempt.id == attempt_id)
    session.execute(undecided.values(state=AttemptState.UNRESOLVED, closed_at=now))
    record(session, due.job_id, _KIND, now=now, detail={"provider_task_id": due.provider_task_id})
    log.error("provider_task.misnamed", job_id=str(due.job_id), provider_task_id=due.provider_task_id,
              remedy="python -m workers review list")  # fmt: skip
