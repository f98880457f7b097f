"""Submission: intent, sent, POST, bind; the only code that spends money.

A POST to the provider costs money and has no idempotency key. So an attempt is committed before a
byte leaves, it is sent once, and what came back decides: bound, provably not created (may be tried
again), or ambiguous (parked for review; never sent again by itself). A worker can be killed between
any two lines here, and the attempt's row says how far it can have come.

===========  ==========================================================================
row says     then
===========  ==========================================================================
``intent``   no byte has left, and none will: ``sent`` cannot be committed past ``send_by``
``sent``     the POST may have left: after ``send_by`` and the longest answer, ambiguous
``bound``    the task id is stored
===========  ==========================================================================
"""

from __future__ import annotations

import asyncio
import hashlib
import json
from dataclasses import dataclass
from datetime import datetime, timedelta
from uuid import UUID

import structlog
from sqlalchemy import func, select, update
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.orm import Session

from models.account import Account
from models.attempt import Attempt
from models.base import new_id
from models.cancel import request_cancel
from models.enqueue import to_request
from models.job_reference import JobReference
from models.lane import Wake, ensure_lane, wake_lane
from models.provider_task import ProviderTask
from models.render_job import RenderJob
from models.transitions import move
from reelqueue.builder import BuiltRequest, build
from reelqueue.errors import ConfigurationError, InvalidRequestError
from reelqueue.requests import RenderRequest
from reelqueue.states import AttemptState, FailureClass, RenderState
from workers.dashscope import Acceptance, NotSentError, ProviderError, RefusedError
from workers.refusal import Reason, backoff_seconds, end, hold_account, park_job, requeue
from workers.services import Services

log = structlog.get_logger(__name__)

# A worker that was frozen longer than this between claim and send must not send any more.
SEND_WITHIN = timedelta(seconds=15)
# The longest submit (90 s), and as much again for a slow commit: only then is a silent one ambiguous.
ANSWER_WITHIN = timedelta(seconds=120)


@dataclass(frozen=True)
class Claim:
    """A job that this worker alone may send, and what it sends."""

    job_id: UUID
    epoch: int
    attempt_id: UUID
    attempt_number: int
    account: Account
    built: BuiltRequest


def submit_render_job(services: Services, job_id: UUID, epoch: int) -> str:
    """Submit an admitted job to the provider, at most once.

    Args:
        services: The outside world.
        job_id: The job.
        epoch: The admission that the hint is about; another one means that the hint is stale.

    Returns:
        What became of it, in a few words for people.
    """
    claim = _claim(services, job_id, epoch)
    if claim is None:
        return "not admitted under this epoch: nothing done"
    if not _mark_sent(services, claim):
        return "too late to send: handed back"
    try:
        accepted = asyncio.run(_post(services, claim))
    except (NotSentError, RefusedError) as error:
        return _reject(services, claim, error)
    except ProviderError as error:
        return _park(services, claim, error)
    return _bind(services, claim, accepted)


async def _post(services: Services, claim: Claim) -> Acceptance:
    # A fresh connection: a pooled one may be half closed, and its loss looks like an accepted POST.
    async with services.provider(claim.account) as provider:
        return await provider.submit(claim.built)


def _claim(services: Services, job_id: UUID, epoch: int) -> Claim | None:
    """Take the job for this worker and commit the intent."""
    with services.sessions.begin() as session:
        now = services.clock.now(session)
        claimed = move(
            session,
            job_id,
            [RenderState.ADMITTED],
            RenderState.SUBMITTING,
            now=now,
            epoch=epoch,
            epoch_to=epoch + 1,
            lease_until=now + SEND_WITHIN + ANSWER_WITHIN,
        )
        if claimed is None:
            return None
        job = session.get_one(RenderJob, job_id)
        account = session.get_one(Account, job.account_id)
        try:
            services.key_of(account)
            built = build(_stored_request(session, job), account_headers=account.headers)
        except ConfigurationError as error:
            hold_account(session, job_id, account, str(error), epoch=epoch + 1, now=now)
            return None
        except InvalidRequestError as error:
            reason = Reason(FailureClass.INPUT, error.code, error.message)
            end(session, job_id, reason, epoch=epoch + 1, now=now)
            return None
        attempt = _intent(session, job, built, now)
        return Claim(job_id, epoch + 1, attempt.id, attempt.number, account, built)


def _stored_request(session: Session, job: RenderJob) -> RenderRequest:
    references = select(JobReference).where(JobReference.job_id == job.id).order_by(JobReference.position)
    return to_request(job, session.scalars(references))


def _intent(session: Session, job: RenderJob, built: BuiltRequest, now: datetime) -> Attempt:
    number = session.scalars(select(func.count()).where(Attempt.job_id == job.id)).one() + 1
    body = json.dumps(built.body, sort_keys=True, separators=(",", ":"))
    attempt = Attempt(
        id=new_id(),
        job_id=job.id,
        number=number,
        account_id=job.account_id,
        state=AttemptState.INTENT,
        epoch=job.epoch,
        spec_sha256=hashlib.sha256(body.encode()).hexdigest(),
        created_at=now,
        send_by=now + SEND_WITHIN,
    )
    session.add(attempt)
    session.flush()
    return attempt


def _mark_sent(services: Services, claim: Claim) -> bool:
    """Commit that the POST is about to leave; False if its time has passed or the sweep has it."""
    with services.sessions.begin() as session:
        now = services.clock.now(session)
        marked = session.execute(
            update(Attempt)
            .where(Attempt.id == claim.attempt_id, Attempt.state == AttemptState.INTENT, Attempt.send_by > now)
            .values(state=AttemptState.SENT, sent_at=now)
            .returning(Attempt.id)
        ).first()
        return marked is not None


def _bind(services: Services, claim: Claim, accepted: Acceptance) -> str:
    """Store the task id, before anything else; then the first poll is due one interval later."""
    with services.sessions.begin() as session:
        now = services.clock.now(session)
        if not _store_task(session, claim, accepted, now):
            reason = f"the provider gave task id {accepted.provider_task_id}, which another job has already"
            _park_in(session, claim, ProviderError(reason, request_id=accepted.request_id), now=now)
            return reason
        _close(session, claim, AttemptState.BOUND, now=now, request_id=accepted.request_id, http_status=200)
        wake = _follow(session, claim, accepted, now)
    log.info("render_job.submitted", job_id=str(claim.job_id), attempt=claim.attempt_number,
             provider_task_id=accepted.provider_task_id)  # fmt: skip
    if wake is not None:
        services.hints.poll(wake, now=now)
    return f"provider_task={accepted.provider_task_id}"


def _store_task(session: Session, claim: Claim, accepted: Acceptance, now: datetime) -> bool:
    stored = insert(ProviderTask).values(
        id=new_id(),
        job_id=claim.job_id,
        attempt_id=claim.attempt_id,
        account_id=claim.account.id,
        base_url=claim.account.base_url,
        provider_task_id=accepted.provider_task_id,
        request_id=accepted.request_id,
        status=accepted.status,
        submitted_at=now,
    )
    unique = ["account_id", "provider_task_id"]
    return (
        session.scalars(stored.on_conflict_do_nothing(index_elements=unique).returning(ProviderTask.id)).first()
        is not None
    )


def _follow(session: Session, claim: Claim, accepted: Acceptance, now: datetime) -> Wake | None:
    job = session.get_one(RenderJob, claim.job_id, populate_existing=True)
    deadline = now + timedelta(milliseconds=job.poll_timeout_ms)
    first_poll_at = min(now + timedelta(milliseconds=job.poll_interval_ms), deadline)
    move(
        session,
        claim.job_id,
        # Parked meanwhile, if this answer took very long: it settles the question.
        [RenderState.SUBMITTING, RenderState.NEEDS_REVIEW],
        RenderState.RENDERING,
        now=now,
        epoch=claim.epoch,
        detail={"provider_task_id": accepted.provider_task_id, "attempt": claim.attempt_number},
        provider_status=accepted.status,
        submitted_at=now,
        next_poll_at=first_poll_at,
        poll_deadline_at=deadline,
        lease_until=None,
        failure_class=None,
        failure_code=None,
        failure_message=None,
    )
    if job.cancel_requested_at is not None:
        request_cancel(session, claim.job_id, now=now, abandon_running=job.abandon_running)
        first_poll_at = now
    ensure_lane(session, claim.account.id)
    return wake_lane(session, claim.account.id, first_poll_at)


def _reject(services: Services, claim: Claim, error: ProviderError) -> str:
    """Nothing was created: try again later, wait for a person, or end, by the error's class."""
    failure_class = error.failure_class
    with services.sessions.begin() as session:
        now = services.clock.now(session)
        _close_with(session, claim, AttemptState.REJECTED, error, now=now)
        reason = Reason(failure_class, error.code, str(error))
        if failure_class is FailureClass.ACCOUNT:
            hold_account(session, claim.job_id, claim.account, str(error), epoch=claim.epoch, now=now)
        elif isinstance(error, NotSentError) or failure_class is FailureClass.THROTTLE:
            delay = timedelta(seconds=backoff_seconds(claim.attempt_number))
            requeue(session, claim.job_id, epoch=claim.epoch, now=now, reason=reason, not_before_at=now + delay)
        else:
            end(session, claim.job_id, reason, epoch=claim.epoch, now=now)
    log.warning("render_job.rejected", job_id=str(claim.job_id), attempt=claim.attempt_number,
                failure_class=failure_class.value, error=str(error))  # fmt: skip
    services.hints.dispatch()
    return f"rejected: {error}"


def _close_with(session: Session, claim: Claim, state: AttemptState, error: ProviderError, *, now: datetime) -> None:
    _close(
        session,
        claim,
        state,
        now=now,
        http_status=error.http_status,
        request_id=error.request_id,
        error_class=error.failure_class,
        error_code=error.code,
        error_message=error.message,
    )


def _close(session: Session, claim: Claim, state: AttemptState, *, now: datetime, **values: object) -> None:
    session.execute(update(Attempt).where(Attempt.id == claim.attempt_id).values(state=state, closed_at=now, **values))


def _park(services: Services, claim: Claim, error: ProviderError) -> str:
    with services.sessions.begin() as session:
        _park_in(session, claim, error, now=services.clock.now(session))
    return f"ambiguous: {error}"


def _park_in(session: Session, claim: Claim, error: ProviderError, *, now: datetime) -> None:
    """Nobody knows whether a task was created: keep the slot, and let nothing send again."""
    _close_with(session, claim, AttemptState.AMBIGUOUS, error, now=now)
    park_job(session, claim.job_id, str(error), epoch=claim.epoch, now=now)
    log.error("render_job.ambiguous", job_id=str(claim.job_id), attempt=claim.attempt_number, error=str(error))
