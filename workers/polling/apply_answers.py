"""Writing a batch's answers: jobs without news in one statement, the others one by one.

Every write is guarded by what the batch read. A job that was changed meanwhile (by a cancel, a
late owner of an expired lease) is left alone: it is still due, and the next batch asks again.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Final
from uuid import UUID

import structlog
from sqlalchemy import ColumnElement, bindparam, case, func, select, update
from sqlalchemy.orm import Session

from models.ledger_entry import EntryKind, LedgerEntry
from models.operations.jobs.transitions import move, record
from models.operations.money.ledger import LedgerCharge, post_charges, write_off_of
from models.operations.money.slot_reservations import release_slot
from models.provider_task import ProviderTask
from models.render_job import RenderJob
from reelqueue.states import RenderState, TaskStatus
from workers.dashscope import ProviderError, TaskAnswer
from workers.dashscope.limits import RESULT_LIFE
from workers.polling.decisions import USAGE_WITHIN, DuePoll, Outcome, measured
from workers.polling.misnamed_tasks import lock_attempt, take_task_away
from workers.polling.settlement import charges_of

log = structlog.get_logger(__name__)

# A result URL is valid this long; counted from the end of the task, or from now where it does not say.


@dataclass(frozen=True)
class Asked:
    """One question and its answer."""

    due: DuePoll
    at: datetime
    """When it was asked."""
    answer: TaskAnswer | ProviderError
    is_missing: bool = False
    """Whether a whole task list misses the task, too; only asked for where the answers deny it for long."""
    is_misnamed: bool = False
    """Whether the task is another submit's, as its echo shows."""


@dataclass
class Effects:
    """What the writes call for, after their commit."""

    to_fetch: list[tuple[UUID, str]] = field(default_factory=list)
    """Job and model of each result that waits."""
    finished_count: int = 0
    """Tasks that ended, each of which freed a slot."""
    charges: list[LedgerCharge] = field(default_factory=list)
    """What the ended tasks cost."""


def apply_answers(session: Session, outcomes: Iterable[tuple[Asked, Outcome]], *, now: datetime) -> Effects:
    """Write what the answers mean; the caller commits."""
    effects = Effects()
    staying: list[dict[str, Any]] = []
    for asked, outcome in outcomes:
        if asked.due.lacks_only_usage:
            _take_usage(session, asked, outcome, now, effects)
            continue
        if outcome.takes_task_away:
            _take_away(session, asked, outcome, now, effects)
            continue
        is_news = _status(asked) != asked.due.provider_status
        if outcome.to_state is None and not outcome.ends_task and not is_news:
            staying.append(_stay(asked, outcome))
        elif _write(session, asked, outcome, now, effects):
            if is_news:
                _note(session, asked, outcome, now)
            _follow_up(session, asked, outcome, now, effects)
    if staying:
        session.connection().execute(_STAY, staying)
    post_charges(session, effects.charges, now=now)  # last: it locks campaigns
    return effects


_STAY: Final = (
    update(RenderJob)
    .where(
        RenderJob.id == bindparam("job"),
        RenderJob.state == bindparam("seen_state"),
        RenderJob.poll_count == bindparam("seen_count"),
    )
    .values(
        next_poll_at=bindparam("next"),
        poll_count=RenderJob.poll_count + 1,
        unknown_count=bindparam("unknown"),
        death_count=0,
        provider_status=bindparam("status"),
    )
)


def _take_usage(session: Session, asked: Asked, outcome: Outcome, now: datetime, effects: Effects) -> None:
    """Take the bill from an answer, and nothing else: status, result and fetch of the job are decided.

    The fetch may move the job meanwhile, so the write is guarded by the poll that was due and not by the state.
    """
    due = asked.due
    still = update(RenderJob).where(RenderJob.id == due.job_id, RenderJob.next_poll_at == due.poll_at)
    values = {"next_poll_at": outcome.next_poll_at, "poll_count": RenderJob.poll_count + 1}
    if session.execute(still.values(**values).returning(RenderJob.id)).first() is None or outcome.next_poll_at:
        return
    bill = measured(asked.answer)
    if bill is not None:
        mine = update(ProviderTask).where(ProviderTask.id == due.task_row_id)
        session.execute(mine.values(usage=bill.usage, billed_seconds=bill.billed_seconds))
    said = bill or TaskAnswer(TaskStatus.SUCCEEDED)
    effects.charges += charges_of(session, due.task_row_id, said, is_followed=False, now=now)


def _take_away(session: Session, asked: Asked, outcome: Outcome, now: datetime, effects: Effects) -> None:
    """Part a job from a task that is another attempt's; its slot stays while an operator decides about it."""
    due = asked.due
    lock_attempt(session, due)
    values = _columns(asked, outcome, now) | {"provider_status": None, "poll_deadline_at": None}
    if outcome.to_state is not None:
        if move(session, due.job_id, [due.state], outcome.to_state, now=now, **values) is None:
            return
    elif not _write_in_place(session, due, values):
        return
    elif (slot := release_slot(session, due.job_id, now=now)) is not None:
        # What its own submit made may be billed: as an orphan that takes this back.
        effects.charges.append(write_off_of(slot))
        effects.finished_count += 1
    take_task_away(session, due, now=now)


def _write_in_place(session: Session, due: DuePoll, values: dict[str, Any]) -> bool:
    still = update(RenderJob).where(
        RenderJob.id == due.job_id, RenderJob.state == due.state, RenderJob.poll_count == due.poll_count
    )
    return session.execute(still.values(**values).returning(RenderJob.id)).first() is not None


def _stay(asked: Asked, outcome: Outcome) -> dict[str, Any]:
    return {
        "job": asked.due.job_id,
        "seen_state": asked.due.state,
        "seen_count": asked.due.poll_count,
        "next": outcome.next_poll_at,
        "unknown": outcome.unknown_count,
        "status": _status(asked),
    }


def _status(asked: Asked) -> str | None:
    return asked.due.provider_status if isinstance(asked.answer, ProviderError) else asked.answer.status


def _note(session: Session, asked: Asked, outcome: Outcome, now: datetime) -> None:
    """Keep the provider's new word in the job's history, and the alarm with it."""
    due = asked.due
    detail = {"from": due.provider_status, "to": _status(asked), "provider_task_id": due.provider_task_id}
    record(session, due.job_id, "provider_status", now=now, detail=detail)
    if outcome.alarm is not None:
        log.error("provider_task.alarm", job_id=str(due.job_id), provider_task_id=due.provider_task_id,
                  alarm=outcome.alarm)  # fmt: skip
        record(session, due.job_id, "alarm", now=now, detail={"seen": outcome.alarm})


def _write(session: Session, asked: Asked, outcome: Outcome, now: datetime, effects: Effects) -> bool:
    """Write one outcome, and release the slot where it ends the task; False if the job has changed meanwhile."""
    due, values = asked.due, _columns(asked, outcome, now)
    if outcome.to_state is not None:
        is_over = outcome.ends_task
        moved = move(session, due.job_id, [due.state], outcome.to_state, now=now, frees_slot=is_over, **values)
        if moved is None:
            return False
        slot = moved.slot
    else:
        if not _write_in_place(session, due, values):
            return False
        slot = release_slot(session, due.job_id, now=now) if outcome.ends_task else None
    effects.finished_count += slot is not None or outcome.next_poll_at is None
    return True


def _columns(asked: Asked, outcome: Outcome, now: datetime) -> dict[str, Any]:
    due = asked.due
    values: dict[str, Any] = {
        "next_poll_at": outcome.next_poll_at,
        "poll_count": due.poll_count + 1,
        "unknown_count": outcome.unknown_count,
        "death_count": 0,
        "provider_status": _status(asked),
    }
    if outcome.fetch:
        values["next_archive_at"] = now
    if outcome.to_state is RenderState.QUEUED:
        values |= {"account_id": None, "not_before_at": outcome.again_at, "fault_count": due.fault_count + 1}
    if outcome.failure_message is not None:
        values |= {
            "failure_class": outcome.failure_class,
            "failure_code": outcome.failure_code,
            "failure_message": outcome.failure_message,
        }
    return values


def _follow_up(session: Session, asked: Asked, outcome: Outcome, now: datetime, effects: Effects) -> None:
    due = asked.due
    if isinstance(asked.answer, TaskAnswer):
        store_answer(session, due.task_row_id, asked.answer, now=now)
    if outcome.ends_task:
        is_followed = outcome.next_poll_at is not None
        effects.charges += charges_of(session, due.task_row_id, asked.answer, is_followed=is_followed, now=now)
    if outcome.fetch:
        effects.to_fetch.append((due.job_id, due.model))
    if outcome.to_state is not None:
        log.info("render_job.moved", job_id=str(due.job_id), state=outcome.to_state.value,
                 provider_task_id=due.provider_task_id, polls=due.poll_count + 1)  # fmt: skip


def store_answer(session: Session, task_row_id: UUID, answer: TaskAnswer, *, now: datetime) -> None:
    """Keep what the provider said about a task; the caller commits."""
    settled = select(LedgerEntry.id).where(
        LedgerEntry.provider_task_id == ProviderTask.id, LedgerEntry.kind == EntryKind.SETTLE
    )
    session.execute(
        update(ProviderTask)
        .where(ProviderTask.id == task_row_id)
        .values(
            status=answer.status,
            made_at=answer.made_at,
            started_at=answer.started_at,
            ended_at=answer.ended_at,
            result_url=answer.result_url,
            result_expires_at=_expires_at(answer, now),
            actual_prompt=answer.actual_prompt,
            usage=answer.usage,
            usage_until=func.coalesce(ProviderTask.usage_until, now + USAGE_WITHIN if _lacks_usage(answer) else None),
            # What was settled stays, also where a later answer says less.
            billed_seconds=case((settled.exists(), ProviderTask.billed_seconds), else_=answer.billed_seconds),
        )
    )


def _lacks_usage(answer: TaskAnswer) -> bool:
    return answer.status == TaskStatus.SUCCEEDED and not answer.billed_seconds


def _expires_at(answer: TaskAnswer, now: datetime) -> ColumnElement[datetime] | None:
    """When a result is gone: a day after its end and not sooner than a day after the submit, whatever end it claims."""
    if not answer.result_url:
        return None
    ended_at = min(answer.ended_at or now, now)
    return func.greatest(ProviderTask.submitted_at + RESULT_LIFE, ended_at + RESULT_LIFE)
