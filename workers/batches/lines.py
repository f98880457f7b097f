"""Closing the lines of a batch: attempts, jobs and money, many in one transaction.

A transaction has lines of one campaign: jobs are locked by id, and the campaign after all of them, as everywhere.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final
from uuid import UUID

import structlog
from sqlalchemy import Select, and_, func, or_, select
from sqlalchemy.orm import Session

from models.base import among
from models.operations.texts.attempts import TextOutcome, charge_attempt, close_attempt
from models.operations.texts.batches import lock_jobs
from models.operations.texts.transitions import move_text
from models.text_attempt import TextAttempt
from models.text_job import TextJob
from reelqueue.failure_codes import FailureCode
from reelqueue.qwen.answer import Answer
from reelqueue.qwen.errors import TextError
from reelqueue.states import OPEN_TEXT_ATTEMPT, FailureClass, TextAttemptState, TextState
from workers.batches.decisions import after_line, after_release
from workers.failpoints import Failpoint, failpoint
from workers.runtime.context import Context
from workers.texts.decisions import Reason, Verdict
from workers.texts.outcomes import (
    answer_columns,
    answered,
    cost_of,
    most_of,
    outcome_of,
    reason_columns,
    standing_of,
    storable,
)

log = structlog.get_logger(__name__)

AT_ONCE: Final = 100
Result = Answer | TextError | Reason
"""What became of a line: its answer, its error, or why its batch is not at the provider."""
_RETURNED: Final = (TextAttemptState.REFUSED, TextAttemptState.NOT_SENT)
_UNCOUNTED: Final = (FailureClass.THROTTLE, FailureClass.ACCOUNT)


@dataclass(frozen=True)
class _Past:
    """What became of a job's lines in earlier batches."""

    returns: int = 0
    absences: int = 0


def open_lines(context: Context, batch_id: UUID, *, limit: int = AT_ONCE) -> list[UUID]:
    """The first lines of a batch that have no outcome, as ids of their attempts."""
    with context.sessions() as session:
        return list(session.scalars(open_lines_of(batch_id).limit(limit)))


def open_lines_of(batch_id: UUID) -> Select[UUID]:
    """The lines of a batch that have no outcome, in the order of its file."""
    mine = select(TextAttempt.id).where(TextAttempt.batch_id == batch_id, TextAttempt.state.in_(OPEN_TEXT_ATTEMPT))
    return mine.order_by(TextAttempt.id)


def close_lines(context: Context, results: Mapping[UUID, Result]) -> int:
    """Store what became of lines; those that have their outcome keep it.

    Args:
        context: The outside world.
        results: By the id of the line's attempt.

    Returns:
        How many were closed.
    """
    with context.sessions() as session:
        mine = select(TextAttempt.id, TextAttempt.job_id, TextJob.campaign_id).join(
            TextJob, TextJob.id == TextAttempt.job_id
        )
        rows = session.execute(mine.where(among(TextAttempt.id, results))).all()
    closed: list[UUID] = []
    for campaign_id in sorted({row.campaign_id for row in rows}):
        jobs = {row.id: row.job_id for row in rows if row.campaign_id == campaign_id}
        with context.sessions.begin() as session:
            closed += _close(session, context, jobs, results, context.clock.now(session))
        failpoint(Failpoint.BATCH_SETTLED)
    return len(closed)  # the sweep hints at the webhooks: seconds count little after hours


def _close(
    session: Session,
    context: Context,
    jobs: Mapping[UUID, UUID],
    results: Mapping[UUID, Result],
    now: datetime,
) -> list[UUID]:
    """Close the lines of one campaign; gives their jobs."""
    locked = lock_jobs(session, list(jobs.values()))
    pasts = _pasts(session, locked)
    attempts = session.scalars(select(TextAttempt).where(among(TextAttempt.id, jobs)).order_by(TextAttempt.id)).all()
    closed: list[TextAttempt] = []
    for attempt in attempts:
        job, result = locked[attempt.job_id], results[attempt.id]
        if isinstance(result, Answer):
            done = _answered(session, attempt, result, now)
        else:
            done = _unanswered(session, context, attempt, job, result, pasts.get(job.id, _Past()), now)
        if done is not None:
            closed.append(done)
    for attempt in closed:  # last, as it locks the campaign
        charge_attempt(session, attempt, now=now)
    return [attempt.job_id for attempt in closed]


def _answered(session: Session, attempt: TextAttempt, answer: Answer, now: datetime) -> TextAttempt | None:
    closed = close_attempt(session, attempt.id, answered(answer), now=now)
    if closed is not None:
        states = [TextState.RUNNING, TextState.HELD, TextState.QUEUED]
        columns = answer_columns(answer)
        move_text(session, closed.job_id, states, TextState.SUCCEEDED, now=now, epoch=closed.epoch, **columns)
    return closed


def _unanswered(
    session: Session,
    context: Context,
    attempt: TextAttempt,
    job: TextJob,
    result: TextError | Reason,
    past: _Past,
    now: datetime,
) -> TextAttempt | None:
    outcome, verdict = _verdict(session, context, attempt, job, result, past)
    closed = close_attempt(session, attempt.id, outcome, now=now)
    if closed is None:
        return None
    values = reason_columns(verdict.reason)
    if verdict.job is TextState.QUEUED:
        values["not_before_at"] = now + timedelta(seconds=verdict.delay_seconds) if verdict.delay_seconds else None
    move_text(session, job.id, [TextState.RUNNING], verdict.job, now=now, epoch=closed.epoch, **values)
    log.info("text_batch.line_unanswered", batch_id=str(attempt.batch_id), text_job_id=str(job.id),
             state=verdict.job.value, outcome=verdict.attempt.value, code=verdict.reason.code)  # fmt: skip
    return closed


def _verdict(
    session: Session, context: Context, attempt: TextAttempt, job: TextJob, result: TextError | Reason, past: _Past
) -> tuple[TextOutcome, Verdict]:
    most, rules = most_of(attempt), context.settings.text
    if isinstance(result, TextError):
        cost = cost_of(result, most)
        standing = standing_of(session, job, cost, most)
        verdict = after_line(result, standing, past.returns, retry_seconds=rules.retry_seconds)
        return outcome_of(result, verdict.attempt, cost), verdict
    standing = standing_of(session, job, most, most)
    delay = rules.blocked_seconds if result.failure_class is FailureClass.ACCOUNT else rules.retry_seconds
    verdict = after_release(result, standing, past.returns, past.absences, retry_seconds=delay)
    outcome = TextOutcome(
        state=verdict.attempt,
        error_class=result.failure_class,
        error_code=result.code,
        error_message=storable(result.message) if result.message else None,
        cost=most if verdict.attempt is TextAttemptState.AMBIGUOUS else None,
    )
    return outcome, verdict


def _pasts(session: Session, job_ids: Collection[UUID]) -> Mapping[UUID, _Past]:
    is_counted = and_(
        TextAttempt.error_code.is_distinct_from(FailureCode.WITHDRAWN),
        or_(TextAttempt.error_class.is_(None), TextAttempt.error_class.not_in(_UNCOUNTED)),
    )
    is_absent = TextAttempt.error_code == FailureCode.BATCH_ABSENT
    counted = (
        select(TextAttempt.job_id, func.count().filter(is_counted), func.count().filter(is_absent))
        .where(among(TextAttempt.job_id, job_ids), TextAttempt.batch_id.is_not(None), TextAttempt.state.in_(_RETURNED))
        .group_by(TextAttempt.job_id)
    )
    return {job_id: _Past(returns, absences) for job_id, returns, absences in session.execute(counted)}
