"""Jobs that were written off without a known task, and whose task turns up: the write-off has stood for its bill."""

from __future__ import annotations

from datetime import datetime
from uuid import UUID

import structlog
from sqlalchemy import Select, exists, select
from sqlalchemy.orm import Session

from models.attempt import Attempt
from models.job_event import WRITE_OFF_TAKEN_BACK
from models.ledger_entry import EntryKind, LedgerEntry
from models.operations.jobs.transitions import record
from models.operations.money.ledger import LedgerCharge, without_task
from models.render_job import RenderJob
from reelqueue.states import AttemptState
from workers.dashscope import TaskAnswer
from workers.reconciliation.competing_attempts import contender_of
from workers.reconciliation.task_list import Located
from workers.reconciliation.task_matching import UnclaimedTask, may_have_made
from workers.reconciliation.unresolved_attempts import attempt_window
from workers.settings import ReconcileSettings

log = structlog.get_logger(__name__)


def take_back_write_off(
    session: Session, one: Located, answer: TaskAnswer, rules: ReconcileSettings, *, adopted_as: UUID, now: datetime
) -> list[LedgerCharge]:
    """Take back the write-off of one job that may have made a task, now that the task is settled.

    The first such job, where there are several: which it is does not matter to the sum, as each further task that
    the provider bills turns up as well and takes the next write-off back.

    Args:
        session: In the transaction that settles the task.
        one: The task, and the host that listed it.
        answer: What it says of itself.
        rules: How far the clocks may drift apart unseen.
        adopted_as: The job that has the task.
        now: The time.

    Returns:
        What is to be entered beside the settlement; empty: no such job was written off.
    """
    for attempt, job in session.execute(_written_off(one)):
        if not _may_be_its_task(session, attempt, job, one, answer, rules):
            continue
        session.get_one(RenderJob, job.id, with_for_update=True)  # another task may take it back at this moment
        if taken_back := without_task(session, job.id):
            detail = {"provider_task_id": one.task.provider_task_id, "job_id": str(adopted_as)}
            record(session, job.id, WRITE_OFF_TAKEN_BACK, now=now, detail=detail)
            log.info("render_job.write_off_taken_back", render_job_id=str(job.id), **detail)
            return taken_back
    return []


def _written_off(one: Located) -> Select[Attempt, RenderJob]:
    entered = exists().where(
        LedgerEntry.job_id == Attempt.job_id,
        LedgerEntry.kind == EntryKind.WRITE_OFF,
        LedgerEntry.provider_task_id.is_(None),
    )
    return (
        select(Attempt, RenderJob)
        .join(RenderJob, RenderJob.id == Attempt.job_id)
        .where(
            Attempt.state == AttemptState.UNRESOLVED,
            Attempt.base_url == one.base_url,
            RenderJob.model == one.task.model,
            entered,
        )
        .order_by(Attempt.sent_at, Attempt.id)
    )


def _may_be_its_task(
    session: Session, attempt: Attempt, job: RenderJob, one: Located, answer: TaskAnswer, rules: ReconcileSettings
) -> bool:
    since, until = attempt_window(session, attempt, job.model, rules)
    is_in_time = one.task.created_at is None or since <= one.task.created_at <= until
    task = UnclaimedTask(one.task, answer)
    return is_in_time and may_have_made(contender_of(attempt, job, since, until), task)
