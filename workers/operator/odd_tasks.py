"""Tasks with an unexpected description: an unknown status, or an end without a result."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from sqlalchemy import and_, or_, select, true
from sqlalchemy.orm import Session, aliased

from models.operations.jobs.newest_task import newest_task
from models.provider_task import ProviderTask
from models.render_job import RenderJob
from reelqueue.states import TaskStatus

_NAMED: Final = 5


@dataclass(frozen=True)
class OddTasks:
    """Polled tasks by what is unexpected about them."""

    count: int
    examples: list[str]
    """A few, each with its word."""

    def __str__(self) -> str:
        return f"{self.count} {'task' if self.count == 1 else 'tasks'}: {', '.join(self.examples)}"


def odd_tasks(session: Session) -> OddTasks:
    """Count what is unexpected among the tasks that are polled now."""
    newest = newest_task(RenderJob.id).lateral()
    task = aliased(ProviderTask, newest)
    has_no_result = and_(task.status == TaskStatus.SUCCEEDED, task.result_url.is_(None))
    is_odd = or_(has_no_result, task.status.not_in(list(TaskStatus)))
    found = (
        select(task.provider_task_id, task.status)
        .select_from(RenderJob)
        .join(newest, true())
        .where(RenderJob.next_poll_at.is_not(None), is_odd)  # which an index names
        .order_by(task.id)
    )
    rows = session.execute(found).all()
    return OddTasks(len(rows), [f"{task_id} is {_word(status)}" for task_id, status in rows[:_NAMED]])


def _word(status: str) -> str:
    return "SUCCEEDED without a result" if status == TaskStatus.SUCCEEDED else repr(status[:40])
