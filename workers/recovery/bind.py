"""Giving a task to the job that made it before the database forgot: admission, submit and answer at once."""

from __future__ import annotations

import hashlib
import json
from datetime import datetime
from typing import Any
from uuid import UUID

import structlog
from sqlalchemy import func, select, update
from sqlalchemy.orm import Session

from models.account import Account
from models.attempt import Attempt
from models.base import new_id
from models.operations.jobs.price import quote
from models.operations.jobs.request_rows import stored_request
from models.operations.jobs.transitions import move, record
from models.operations.money.slot_reservations import lease_slot, release_slot
from models.operations.scheduling.poll_wakeups import wake_for
from models.render_job import RenderJob
from reelqueue.builder import build
from reelqueue.errors import InvalidRequestError
from reelqueue.states import UNSENT, AttemptState, RenderState, TaskStatus
from workers.dashscope import Acceptance
from workers.polling.apply_answers import Effects
from workers.polling.known_answer import apply_known
from workers.recovery.matching import Found
from workers.runtime.context import Context
from workers.runtime.provider_clock import stored_time
from workers.runtime.submit_journal import JournaledSubmit
from workers.submission.claim_outcomes import park_job
from workers.submission.task_binding import OpenAttempt, TaskTakenError, bind_task

log = structlog.get_logger(__name__)


def bind_found(context: Context, account: Account, job_id: UUID, found: Found) -> bool:
    """Give a task to a job that waits, and follow or fetch it; False if the job or the task has gone on meanwhile.

    Args:
        context: The outside world.
        account: Whose task.
        job_id: The job.
        found: The task.
    """
    try:
        return _bind(context, account, job_id, found)
    except TaskTakenError as error:
        log.warning("render_job.not_recovered", job_id=str(job_id), account=account.name, reason=str(error))
        return False


def _bind(context: Context, account: Account, job_id: UUID, found: Found) -> bool:
    with context.sessions.begin() as session:
        now = context.clock.now(session)
        job = session.get_one(RenderJob, job_id, with_for_update=True, populate_existing=True)
        if job.state not in UNSENT:
            return False
        sent = _sent_for(context, session, job, account, found, now)
        attempt = _submitting(session, job, account, sent, now)
        task = found.task
        accepted = Acceptance(task.provider_task_id, found.answer.status if found.answer else task.status, None)
        record(session, job_id, "recovered", now=now, detail={"provider_task_id": task.provider_task_id})
        next_poll = bind_task(session, attempt, accepted, now=now, state=AttemptState.ADOPTED)
        effects = apply_known(session, attempt, found.answer, context.settings, now=now) if found.answer else Effects()
        wake = wake_for(session, next_poll)
    log.warning("render_job.recovered", job_id=str(job_id), provider_task_id=found.task.provider_task_id)
    context.journal.adopted(_as_journaled(sent, account, job), found.task.provider_task_id)
    if wake is not None:
        context.hints.poll(wake, now=now)
    for to_fetch, model in effects.to_fetch:
        context.hints.archive(to_fetch, model)
    return True


def bind_journaled(context: Context, account: Account, submit: JournaledSubmit, provider_task_id: str) -> bool:
    """Give a job that waits the task of its forgotten submit; False if it has gone on, or another job has the task.

    The provider is not asked: the task is followed from now on, and its first poll says what became of it.

    Args:
        context: The outside world.
        account: Whose submit.
        submit: As the journal has it.
        provider_task_id: Its task.
    """
    try:
        with context.sessions.begin() as session:
            now = context.clock.now(session)
            attempt = _restored(session, account, submit, now)
            if attempt is None:
                return False
            accepted = Acceptance(provider_task_id, TaskStatus.RUNNING, None)
            record(session, submit.job_id, "recovered", now=now, detail={"provider_task_id": provider_task_id})
            wake = wake_for(session, bind_task(session, attempt, accepted, now=now, state=AttemptState.ADOPTED))
    except TaskTakenError as error:
        log.warning("render_job.not_recovered", job_id=str(submit.job_id), account=account.name, reason=str(error))
        return False
    log.warning("render_job.recovered", job_id=str(submit.job_id), provider_task_id=provider_task_id)
    if wake is not None:
        context.hints.poll(wake, now=now)
    return True


def review_journaled(context: Context, account: Account, submit: JournaledSubmit, reason: str) -> bool:
    """Leave a job that waits to an operator, as its forgotten submit may have made a task; False if it has gone on.

    Args:
        context: The outside world.
        account: Whose submit.
        submit: As the journal has it.
        reason: Why its task is not known, for operators.
    """
    with context.sessions.begin() as session:
        now = context.clock.now(session)
        attempt = _restored(session, account, submit, now)
        if attempt is None:
            return False
        closed = {"state": AttemptState.UNRESOLVED, "closed_at": now}
        session.execute(update(Attempt).where(Attempt.id == attempt.attempt_id).values(**closed))
        park_job(session, submit.job_id, reason, epoch=attempt.epoch, now=now)
    log.warning("render_job.not_recovered", job_id=str(submit.job_id), account=account.name, reason=reason)
    return True


def _restored(session: Session, account: Account, submit: JournaledSubmit, now: datetime) -> OpenAttempt | None:
    """The attempt of a forgotten submit, written again; None if its job waits no more."""
    job = session.get_one(RenderJob, submit.job_id, with_for_update=True, populate_existing=True)
    if job.state not in UNSENT:
        return None
    sent = Attempt(
        id=submit.attempt_id,
        base_url=submit.base_url,
        spec_sha256=submit.spec_sha256,
        key_fingerprint=submit.key_fingerprint,
        clock_offset_seconds=submit.clock_offset_seconds,
        # By the clock of a database that is gone, which may have been ahead of this one's.
        created_at=min(submit.claimed_at, now),
        send_by=min(submit.send_by, now),
        sent_at=min(submit.claimed_at, now),
        answer_by=min(submit.answer_by, now),
    )
    return _submitting(session, job, account, sent, now)


def _sent_for(
    context: Context, session: Session, job: RenderJob, account: Account, found: Found, now: datetime
) -> Attempt:
    """The attempt that has most likely made a listed task."""
    made_at = stored_time(found.task.created_at, now)
    return Attempt(
        id=new_id(),
        base_url=found.base_url,
        spec_sha256=_spec_sha256(session, job),
        key_fingerprint=context.key_fingerprint(account),
        created_at=now,
        send_by=made_at,
        sent_at=made_at,
        answer_by=now,
    )


def _submitting(session: Session, job: RenderJob, account: Account, sent: Attempt, now: datetime) -> OpenAttempt:
    """Bring a waiting job to where its POST was under way; its slot and its reservation are leased with it."""
    epoch = job.epoch + 1
    admission: dict[str, Any] = {"account_id": account.id, "admitted_at": now, "is_awaiting": False}
    if job.state is RenderState.QUEUED:
        move(session, job.id, [RenderState.QUEUED], RenderState.ADMITTED, now=now, **admission)
    else:  # its slot may be of another account than the one that made the task
        release_slot(session, job.id, now=now)
    # It is billed by the prices of the moment at which it was made.
    lease_slot(session, job, account.id, quote(session, job, account, at=sent.sent_at or now), now=now, submit_at=now)
    move(session, job.id, [RenderState.ADMITTED], RenderState.SUBMITTING, now=now, epoch_to=epoch, **admission)
    session.refresh(job)
    intent = session.get(Attempt, sent.id)  # of a backup of the moment before it left
    sent.number = intent.number if intent else _next_number(session, job)
    sent.job_id, sent.account_id, sent.state, sent.epoch = job.id, account.id, AttemptState.SENT, epoch
    sent.closed_at = sent.error_class = sent.error_code = sent.error_message = None
    attempt = session.merge(sent)
    session.flush()
    return OpenAttempt(attempt.id, attempt.number, job.id, attempt.epoch, account, attempt.base_url)


def _next_number(session: Session, job: RenderJob) -> int:
    return session.scalars(select(func.count()).where(Attempt.job_id == job.id)).one() + 1


def _as_journaled(sent: Attempt, account: Account, job: RenderJob) -> JournaledSubmit:
    return JournaledSubmit(
        sent.id, job.id, sent.number, account.name, sent.base_url, job.model, sent.spec_sha256,
        sent.key_fingerprint or "", sent.clock_offset_seconds, sent.created_at, sent.send_by,
        sent.answer_by or sent.send_by,
    )  # fmt: skip


def _spec_sha256(session: Session, job: RenderJob) -> str:
    """Of the body that was most likely sent."""
    try:
        body = build(stored_request(session, job)).body
    except InvalidRequestError:
        return job.request_sha256  # the catalog has changed since
    return hashlib.sha256(json.dumps(body, sort_keys=True, separators=(",", ":")).encode()).hexdigest()
