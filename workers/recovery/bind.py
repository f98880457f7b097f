"""Giving a listed task to the job that made it before the database forgot: admission, submit and answer at once."""

from __future__ import annotations

import hashlib
import json
from datetime import datetime
from typing import Any
from uuid import UUID

import structlog
from sqlalchemy import func, select
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
from reelqueue.states import UNSENT, AttemptState, RenderState
from workers.dashscope import Acceptance
from workers.polling.apply_answers import Effects
from workers.polling.known_answer import apply_known
from workers.recovery.matching import Found
from workers.runtime.context import Context
from workers.runtime.provider_clock import stored_time
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
        attempt = _submitting(context, session, job, account, found, now)
        task = found.task
        accepted = Acceptance(task.provider_task_id, found.answer.status if found.answer else task.status, None)
        record(session, job_id, "recovered", now=now, detail={"provider_task_id": task.provider_task_id})
        next_poll = bind_task(session, attempt, accepted, now=now, state=AttemptState.ADOPTED)
        effects = apply_known(session, attempt, found.answer, context.settings, now=now) if found.answer else Effects()
        wake = wake_for(session, next_poll)
    log.warning("render_job.recovered", job_id=str(job_id), provider_task_id=found.task.provider_task_id)
    if wake is not None:
        context.hints.poll(wake, now=now)
    for to_fetch, model in effects.to_fetch:
        context.hints.archive(to_fetch, model)
    return True


def _submitting(
    context: Context, session: Session, job: RenderJob, account: Account, found: Found, now: datetime
) -> OpenAttempt:
    """Bring a waiting job to where its POST was under way; its slot and its reservation are leased with it."""
    epoch = job.epoch + 1
    admission: dict[str, Any] = {"account_id": account.id, "admitted_at": now, "is_awaiting": False}
    if job.state is RenderState.QUEUED:
        move(session, job.id, [RenderState.QUEUED], RenderState.ADMITTED, now=now, **admission)
    else:  # its slot may be of another account than the one that made the task
        release_slot(session, job.id, now=now)
    made_at = stored_time(found.task.created_at, now)  # it is billed by the prices of that moment
    lease_slot(session, job, account.id, quote(session, job, account, at=made_at), now=now, submit_at=now)
    move(session, job.id, [RenderState.ADMITTED], RenderState.SUBMITTING, now=now, epoch_to=epoch, **admission)
    session.refresh(job)
    attempt = Attempt(
        id=new_id(),
        job_id=job.id,
        number=session.scalars(select(func.count()).where(Attempt.job_id == job.id)).one() + 1,
        account_id=account.id,
        base_url=found.base_url,
        state=AttemptState.SENT,
        epoch=epoch,
        spec_sha256=_spec_sha256(session, job),
        key_fingerprint=context.key_fingerprint(account),
        created_at=now,
        send_by=made_at,
        sent_at=made_at,
        answer_by=now,
    )
    session.add(attempt)
    session.flush()
    return OpenAttempt(attempt.id, attempt.number, job.id, attempt.epoch, account, attempt.base_url)


def _spec_sha256(session: Session, job: RenderJob) -> str:
    """Of the body that was most likely sent."""
    try:
        body = build(stored_request(session, job)).body
    except InvalidRequestError:
        return job.request_sha256  # the catalog has changed since
    return hashlib.sha256(json.dumps(body, sort_keys=True, separators=(",", ":")).encode()).hexdigest()
