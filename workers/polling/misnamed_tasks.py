"""Tasks that the provider named in answer to a submit which did not make them: their echo tells, at their end.

The answer to one submit may name the task of another, whose own answer was lost. The task that the submit really made
is in the provider's list then, and belongs to no job. What reconciliation or an operator has adopted is its job's,
whatever it tells.
"""

from __future__ import annotations

from datetime import datetime
from typing import Final
from uuid import UUID

import structlog
from sqlalchemy import delete, select, update
from sqlalchemy.orm import Session, sessionmaker

from models.attempt import Attempt
from models.operations.jobs.transitions import record
from models.provider_task import ProviderTask
from reelqueue.states import AttemptState
from workers.dashscope import ProviderError, TaskAnswer
from workers.dashscope.echoes import contradicts
from workers.polling.decisions import DuePoll

log = structlog.get_logger(__name__)

_KIND: Final = "misnamed"


def find_misnamed(
    sessions: sessionmaker[Session], answers: list[tuple[DuePoll, TaskAnswer | ProviderError]]
) -> set[UUID]:
    """Our rows of the tasks that a submit's answer named and whose echo contradicts what was submitted.

    Args:
        sessions: To read with, if an answer contradicts anything.
        answers: Those of a batch.
    """
    suspects = [due.task_row_id for due, answer in answers if _is_contradicted(due, answer)]
    if not suspects:
        return set()
    named = (
        select(ProviderTask.id)
        .join(Attempt, Attempt.id == ProviderTask.attempt_id)
        .where(ProviderTask.id.in_(suspects), Attempt.state == AttemptState.BOUND)
    )
    with sessions() as session:
        return set(session.scalars(named))


def _is_contradicted(due: DuePoll, answer: TaskAnswer | ProviderError) -> bool:
    if not isinstance(answer, TaskAnswer) or due.lacks_only_usage:
        return False
    return contradicts(due.prompt, answer.orig_prompt)


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
