"""Tasks that jobs under review may have made: what they say is noted, so that it outlives them and their results."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime
from typing import Final
from uuid import UUID

from sqlalchemy import literal, or_, select
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.orm import Session

from models.account import Account
from models.attempt import Attempt
from models.base import new_id
from models.found_task import FoundTask
from models.provider_task import ProviderTask
from models.render_job import RenderJob
from reelqueue.states import UNBILLED, TaskStatus
from workers.dashscope import ListedTask, TaskAnswer
from workers.reconciliation.competing_attempts import contender_of
from workers.reconciliation.task_list import Located, query_task
from workers.reconciliation.task_matching import ENDED, UnclaimedTask, may_have_made
from workers.reconciliation.unresolved_attempts import attempt_window
from workers.runtime.context import Context
from workers.settings import ReconcileSettings
from workers.submission.known_tasks import is_stored

_AT_ONCE: Final = 100
"""Each is asked about; the rest waits for the next time."""


def note_found(context: Context, account: Account, located: Iterable[Located]) -> int:
    """Ask about listed tasks that no job has, and note the answers; the sweep has their results fetched.

    Args:
        context: The outside world.
        account: Whose list shows them.
        located: Those that jobs under review may have made.

    Returns:
        How many were asked.
    """
    found = {one.task.provider_task_id: one for one in located}
    with context.sessions() as session:
        # One that SUCCEEDED may tell its URL later.
        has_said_all = or_(FoundTask.status.in_(UNBILLED), FoundTask.result_url.is_not(None))
        ended = select(FoundTask.provider_task_id).where(
            FoundTask.account_id == account.id, FoundTask.status.in_(ENDED), has_said_all
        )
        done = set(session.scalars(ended.where(FoundTask.provider_task_id.in_(found))))
    asked = 0
    for one in [one for task_id, one in found.items() if task_id not in done][:_AT_ONCE]:
        answer = query_task(context, account, one.base_url, one.task.provider_task_id)
        if answer is None:
            continue
        asked += 1
        with context.sessions.begin() as session:
            _note(session, account, one, answer, context.clock.now(session))
    return asked


def fitting_tasks(session: Session, attempt: Attempt, job: RenderJob, rules: ReconcileSettings) -> list[FoundTask]:
    """The noted tasks without an owner that an attempt may have made: those that echo its prompt, then silent ones.

    Both the oldest first. A silent task may be any attempt's, and one that failed would have its job submitted again.

    Args:
        session: To read with.
        attempt: The attempt.
        job: Its job.
        rules: How far the clocks may drift apart unseen.
    """
    since, until = attempt_window(session, attempt, job.model, rules)
    here = select(FoundTask).where(
        FoundTask.account_id == attempt.account_id,
        FoundTask.base_url == attempt.base_url,
        or_(FoundTask.model.is_(None), FoundTask.model == job.model),
        or_(FoundTask.made_at.is_(None), FoundTask.made_at.between(since, until)),
    )
    rows = list(session.scalars(here.order_by(FoundTask.made_at, FoundTask.id)))
    ids = [row.provider_task_id for row in rows]
    owned = set(session.scalars(select(ProviderTask.provider_task_id).where(is_stored(session, ids))))
    contender = contender_of(attempt, job, since, until)
    fitting = [row for row in rows if row.provider_task_id not in owned and may_have_made(contender, _stranger(row))]
    return sorted(fitting, key=lambda row: _stranger(row).is_silent)


def noted_successes(session: Session, account_id: UUID) -> dict[str, FoundTask]:
    """The noted tasks of an account that are billed, by id; also those that a job has taken."""
    billed = select(FoundTask).where(FoundTask.account_id == account_id, FoundTask.status == TaskStatus.SUCCEEDED)
    return {row.provider_task_id: row for row in session.scalars(billed)}


def located(row: FoundTask) -> Located:
    """A noted task as the list showed it."""
    listed = ListedTask(row.provider_task_id, row.status, row.model, None, row.made_at)
    return Located(listed, row.base_url)


def _stranger(row: FoundTask) -> UnclaimedTask:
    return UnclaimedTask(located(row).task, answer_of(row))


def answer_of(row: FoundTask) -> TaskAnswer:
    """What a noted task said last."""
    return TaskAnswer(
        status=row.status,
        code=row.code,
        message=row.message,
        result_url=row.result_url,
        orig_prompt=row.orig_prompt,
        actual_prompt=row.actual_prompt,
        usage=row.usage,
        billed_seconds=row.billed_seconds,
        made_at=row.made_at,
        started_at=row.started_at,
        ended_at=row.ended_at,
    )


def _note(session: Session, account: Account, one: Located, answer: TaskAnswer, now: datetime) -> None:
    said = {
        "status": answer.status,
        "code": answer.code,
        "message": answer.message,
        "orig_prompt": answer.orig_prompt,
        "actual_prompt": answer.actual_prompt,
        "usage": answer.usage,
        "billed_seconds": answer.billed_seconds,
        "result_url": answer.result_url,
        "made_at": answer.made_at or one.task.created_at,
        "started_at": answer.started_at,
        "ended_at": answer.ended_at,
        "asked_at": now,
        "next_fetch_at": now if answer.result_url else None,
    }
    first = insert(FoundTask).values(
        id=new_id(),
        account_id=account.id,
        base_url=one.base_url,
        provider_task_id=one.task.provider_task_id,
        model=one.task.model,
        fetch_count=0,
        **said,
    )
    # What it said at its end stays when the provider has forgotten it.
    is_news = or_(FoundTask.status.not_in(ENDED), literal(answer.status).in_(ENDED))
    session.execute(
        first.on_conflict_do_update(index_elements=["account_id", "provider_task_id"], set_=said, where=is_news)
    )
