"""Submission: intent, sent, POST, bind; the only code that spends money.

A POST to the provider costs money and has no idempotency key. So an attempt is committed before a
byte leaves, it is sent once, and what came back decides: bound, provably not created (may be tried
again), or ambiguous (the provider's listing decides: :mod:`workers.reconciliation.reconcile`). A worker can be
killed between any two lines here, and the attempt's row says how far it can have come.

===========  ==========================================================================
row says     then
===========  ==========================================================================
``intent``   no byte has left, and none will: ``sent`` cannot be committed past ``send_by``
``sent``     the POST may have left: silent past ``answer_by``, it is ambiguous
``bound``    the task id is stored
===========  ==========================================================================

Between ``sent`` and the POST the submit is noted in a journal that no restore of the database takes back
(:mod:`workers.runtime.submit_journal`), and what cannot be noted is not sent. After ``sent``, so that what is noted and
did not leave is as rare as a worker that dies between those two lines.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final, TypeVar
from uuid import UUID

import structlog
from sqlalchemy import and_, func, or_, select, update
from sqlalchemy.orm import Session

from models.account import Account
from models.attempt import Attempt
from models.base import new_id
from models.campaign import Campaign
from models.operations.accounts import pause_account
from models.operations.jobs.price import quote
from models.operations.jobs.request_rows import stored_request
from models.operations.jobs.transitions import move
from models.operations.money.prices import ended_since, hold_prices
from models.operations.scheduling.poll_wakeups import Wake, wake_for
from models.operations.scheduling.submit_gates import Openings, read_openings
from models.operations.scheduling.submit_throttle import (
    LONG_WAIT_SECONDS,
    begin_posting,
    end_posting,
    extend_posting,
    hold_lanes,
    next_to_submit,
    raise_rate,
    refusals_in_a_row,
    throttle,
)
from models.render_job import RenderJob
from models.slot import Slot
from models.storage import StorageError
from models.submit_lane import SubmitLane
from reelqueue.builder import BuiltRequest, build
from reelqueue.errors import ConfigurationError, InvalidRequestError
from reelqueue.failure_codes import FailureCode
from reelqueue.states import OPEN_ATTEMPT, AttemptState, FailureClass, RenderState
from workers.dashscope import Acceptance, MisdirectedError, NotSentError, ProviderError, RefusedError
from workers.failpoints import Failpoint, failpoint
from workers.runtime.commit_retry import commit_with_retry
from workers.runtime.context import Context
from workers.runtime.provider_clock import compare_clocks, knows_clock
from workers.runtime.submit_journal import JournaledSubmit
from workers.submission.claim_outcomes import (
    THROTTLE_BACKOFF,
    Reason,
    end,
    expire,
    hold_account,
    is_misdirected,
    mark_ambiguous,
    requeue,
)
from workers.submission.first_frame import read_first_frame
from workers.submission.task_binding import OpenAttempt, TaskTakenError, bind_task

log = structlog.get_logger(__name__)

_NO_FRAME_DELAY: Final = timedelta(seconds=30)
"""Until a clip is tried again whose first frame the archive does not give."""
_UNRESERVED_DELAY: Final = timedelta(minutes=1)
"""Before a job that has no reservation is admitted again: a worker of an older version may admit it as before."""

_STALE: Final = "not admitted under this epoch: nothing done"

T = TypeVar("T")

FirstFrame = str | InvalidRequestError | StorageError | None
"""The data URL of the picture that a job begins with, why there is none, or None: it needs none."""

UPLINK_BYTES_PER_SECOND = 1_000_000
"""The slowest uplink that a large submit is given time for."""


@dataclass(frozen=True)
class Claim(OpenAttempt):
    """A job that this worker alone may send, and what it sends."""

    built: BuiltRequest
    post_seconds: float
    """How long the POST may take in all."""
    model: str
    journaled: JournaledSubmit
    """What the journal says of it."""


@dataclass(frozen=True)
class Busy:
    """The lane has another POST under way, or is held; or the account's gate is closed."""

    account: str
    model: str

    def __str__(self) -> str:
        return f"account {self.account} takes no {self.model} just now: waits its turn"


def submit_render_job(context: Context, job_id: UUID, epoch: int) -> str:
    """Submit an admitted job to the provider, at most once.

    Args:
        context: The outside world.
        job_id: The job.
        epoch: The admission that the hint is about; another one means that the hint is stale.

    Returns:
        What became of it, in a few words for people.
    """
    if (why_not := _look_ahead(context, job_id, epoch)) is not None:
        return why_not
    claim = claim_job(context, job_id, epoch)
    if isinstance(claim, str):
        return claim
    failpoint(Failpoint.INTENT, job_id)
    began_seconds = context.host.seconds()
    if not mark_sent(context, claim):
        return "too late to send: nothing was sent"
    failpoint(Failpoint.SENT)
    try:
        _note(context, claim)
        accepted = context.host.run(_post(context, claim, began_seconds))
    except (NotSentError, RefusedError) as error:
        return reject(context, claim, error)
    except ProviderError as error:
        return park(context, claim, error)
    return bind(context, claim, accepted)


def _note(context: Context, claim: Claim) -> None:
    """Note in the journal that the POST is about to leave."""
    try:
        context.journal.leaving(claim.journaled)
    except StorageError as error:
        log.warning("journal.not_written", job_id=str(claim.job_id), attempt=claim.number, kind="leaving",
                    reason=str(error), remedy="nothing is sent until it is: python -m workers doctor")  # fmt: skip
        # Its owner reads this: no path of the operators.
        what = "the journal of submits takes no note now, and nothing is sent without one; the operators see why"
        raise NotSentError(what) from error
    failpoint(Failpoint.JOURNALED)


async def _post(context: Context, claim: Claim, began_seconds: float) -> Acceptance:
    # A fresh connection: a pooled one may be half closed, and its loss looks like an accepted POST.
    async with context.provider(claim.account, base_url=claim.base_url) as provider:

        def look() -> float:
            # A worker that was frozen up to here wakes up when the listing has long been asked, and found nothing.
            gone_seconds = context.host.seconds() - began_seconds
            if gone_seconds > context.settings.submit.send_within_seconds:
                raise NotSentError(
                    f"this worker was stopped for {gone_seconds:.0f} s before the submit: it was not sent"
                )
            return gone_seconds

        # Twice: now, since the POST's own limit starts here, and when its first byte is about to leave.
        limit_seconds = claim.post_seconds - look()
        return await provider.submit(claim.built, limit_seconds=limit_seconds, last_look=look)


def _look_ahead(context: Context, job_id: UUID, epoch: int) -> str | None:
    """Why a claim would be in vain, before it writes anything: in a burst, most hints are doubled or find a taken lane.

    The clocks are compared first, unless this process has done so: without it, an answer that is lost is never proven.
    """
    lane = and_(SubmitLane.account_id == RenderJob.account_id, SubmitLane.model == RenderJob.model)
    mine = (
        select(Account, RenderJob.model, func.greatest(SubmitLane.posting_until, SubmitLane.throttled_until))
        .join(RenderJob, RenderJob.account_id == Account.id)
        .outerjoin(SubmitLane, lane)
        .where(RenderJob.id == job_id, RenderJob.state == RenderState.ADMITTED, RenderJob.epoch == epoch)
    )
    with context.sessions() as session:
        found = session.execute(mine).one_or_none()
        if found is None:
            return _STALE
        account, model, busy_until = found
        if account.paused_at is not None:
            return None  # the claim puts it back into the queue
        now = context.clock.now(session)
        if busy_until is not None and busy_until > now:
            return str(Busy(account.name, model))  # who has the lane hints at the next job when it is free again
        is_known = knows_clock(context, session, account.id, now=now)
    if not is_known:
        compare_clocks(context, account)
    return None


def _first_frame(context: Context, job_id: UUID, epoch: int) -> FirstFrame:
    try:
        return read_first_frame(context, job_id, epoch)
    except (InvalidRequestError, StorageError) as error:
        return error  # what becomes of the job is for its claim to say


def claim_job(context: Context, job_id: UUID, epoch: int) -> Claim | str:
    """Take the job for this worker and commit the intent, or say why not."""
    frame = _first_frame(context, job_id, epoch)
    with context.sessions.begin() as session:
        now = context.clock.now(session)
        openings = read_openings(session, now)
        if _may_expire(session, openings, job_id, epoch, now) and expire(session, job_id, now=now):
            return "its start_by has passed: expired"
        claimed = move(
            session,
            job_id,
            [RenderState.ADMITTED],
            RenderState.SUBMITTING,
            now=now,
            epoch=epoch,
            epoch_to=epoch + 1,
        )
        if claimed is None:
            return _STALE
        claim = _claimed(context, session, openings, session.get_one(RenderJob, job_id), frame, now)
        if isinstance(claim, Busy):
            session.rollback()  # it stays admitted, and is hinted at again when the lane is free
            return str(claim)
        failpoint(Failpoint.CLAIMING)
        return claim


def _claimed(
    context: Context, session: Session, openings: Openings, job: RenderJob, frame: FirstFrame, now: datetime
) -> Claim | Busy | str:
    """Build the claim on a job that this transaction has moved, with its intent and its turn on the lane."""
    account = session.get_one(Account, job.account_id)
    if not openings.lets(account.id, job.model):
        return Busy(account.name, job.model)
    built = _build(context, session, job, account, frame, now)
    if isinstance(built, str):
        return built
    if (ended_at := ended_since(session, account.id, account.region, job.model, now)) is not None:
        text = f"{job.model} ended on {ended_at:%Y-%m-%d}, and is listed no more; enqueue it for another model"
        end(session, job.id, Reason(FailureClass.INPUT, FailureCode.MODEL_ENDED, text), epoch=job.epoch, now=now)
        return f"its model has ended: {job.model}"
    if _lacks_reservation(session, job):
        requeue(session, job.id, epoch=job.epoch, now=now, not_before_at=now + _UNRESERVED_DELAY)
        return "nothing is reserved for it, and its campaign has a budget: queued again"
    if _costs_more(session, job, account, now):
        requeue(session, job.id, epoch=job.epoch, now=now)
        return "its price has risen since it was admitted: queued again"
    rules = context.settings.submit
    body = json.dumps(built.body, sort_keys=True, separators=(",", ":")).encode()
    send_by = now + timedelta(seconds=rules.send_within_seconds)
    attempt = _intent(context, session, job, account, hashlib.sha256(body).hexdigest(), now=now, send_by=send_by)
    if not begin_posting(session, account.id, job.model, attempt.id, now=now, until=send_by):
        return Busy(account.name, job.model)
    post_seconds = rules.post_seconds + len(body) / UPLINK_BYTES_PER_SECOND
    answer_by = send_by + timedelta(seconds=post_seconds + rules.settle_within_seconds)
    journaled = JournaledSubmit(
        attempt.id, job.id, attempt.number, account.name, account.base_url, job.model, attempt.spec_sha256,
        context.key_fingerprint(account), attempt.clock_offset_seconds, now, send_by, answer_by,
    )  # fmt: skip
    return Claim(
        attempt.id, attempt.number, job.id, attempt.epoch, account, account.base_url, built, post_seconds, job.model,
        journaled,
        spacing=context.pacing.of(session, account, job, context.settings.poll.finest_seconds, now),
    )  # fmt: skip


def _build(
    context: Context, session: Session, job: RenderJob, account: Account, frame: FirstFrame, now: datetime
) -> BuiltRequest | str:
    """The request to send, or what became of the job instead."""
    if account.paused_at is not None:
        requeue(session, job.id, epoch=job.epoch, now=now)
        return f"account {account.name} is paused: queued again"
    try:
        context.key_of(account)
        if isinstance(frame, Exception):
            raise frame
        return build(stored_request(session, job, first_frame=frame), account_headers=account.headers)
    except ConfigurationError as error:
        hold_account(session, job.id, account, str(error), epoch=job.epoch, now=now)
        return f"account paused: {error}"
    except InvalidRequestError as error:
        end(session, job.id, Reason(FailureClass.INPUT, error.code, error.message), epoch=job.epoch, now=now)
        return f"refused by the catalog: {error.code}"
    except StorageError as error:
        log.warning("render_job.no_first_frame", job_id=str(job.id), error=str(error))
        requeue(session, job.id, epoch=job.epoch, now=now, not_before_at=now + _NO_FRAME_DELAY)
        return f"its first frame cannot be read now: queued again: {error}"


def _lacks_reservation(session: Session, job: RenderJob) -> bool:
    """Whether a job has no money of its campaign's budget.

    It was admitted before the budget was set, or by a version of the dispatcher that could not read its row.
    """
    without = or_(Slot.reserved_amount.is_(None), Slot.currency != Campaign.budget_currency)
    mine = select(Slot.job_id).join(Campaign, Campaign.id == Slot.campaign_id)
    found = mine.where(Slot.job_id == job.id, Campaign.budget_amount.is_not(None), without)
    return session.scalars(found).first() is not None


def _costs_more(session: Session, job: RenderJob, account: Account, now: datetime) -> bool:
    """Whether a job may cost more than is reserved for it, as its price has changed since; none changes meanwhile."""
    hold_prices(session)
    slot, price = session.get(Slot, job.id), quote(session, job, account, at=now)
    if slot is None or price is None:
        return False
    if slot.reserved_amount is None or slot.currency != price.currency:
        return True
    return price.max_amount > slot.reserved_amount or price.per_second > (slot.price_per_second or 0)


def _may_expire(session: Session, openings: Openings, job_id: UUID, epoch: int, now: datetime) -> bool:
    """Whether a job is too late, and no task of it can be left that the database has forgotten."""
    mine = select(RenderJob.model).where(RenderJob.id == job_id, RenderJob.epoch == epoch, RenderJob.start_by <= now)
    model = session.scalars(mine).one_or_none()
    return model is not None and openings.is_compared(model)


def _intent(
    context: Context,
    session: Session,
    job: RenderJob,
    account: Account,
    spec_sha256: str,
    *,
    now: datetime,
    send_by: datetime,
) -> Attempt:
    clock = context.clocks.of(account.id, now=now, seconds=context.host.seconds())
    number = session.scalars(select(func.count()).where(Attempt.job_id == job.id)).one() + 1
    attempt = Attempt(
        id=new_id(),
        job_id=job.id,
        number=number,
        account_id=account.id,
        base_url=account.base_url,
        state=AttemptState.INTENT,
        epoch=job.epoch,
        spec_sha256=spec_sha256,
        key_fingerprint=context.key_fingerprint(account),
        clock_offset_seconds=None if clock is None else clock.offset_seconds,
        created_at=now,
        send_by=send_by,
    )
    session.add(attempt)
    session.flush()
    return attempt


def mark_sent(context: Context, claim: Claim) -> bool:
    """Commit that the POST is about to leave; False if its time has passed or the sweep has it."""
    answer_within = timedelta(seconds=claim.post_seconds + context.settings.submit.settle_within_seconds)
    with context.sessions.begin() as session:
        now = context.clock.now(session)
        marked = session.execute(
            update(Attempt)
            .where(Attempt.id == claim.attempt_id, Attempt.state == AttemptState.INTENT, Attempt.send_by > now)
            .values(
                state=AttemptState.SENT,
                sent_at=now,
                answer_by=now + answer_within,
            )
            .returning(Attempt.id)
        ).first()
        if marked is None or not extend_posting(session, claim.attempt_id, until=now + answer_within):
            session.rollback()  # nothing leaves, so it stays an intent
            return False
        return True


def _settle(context: Context, write: Callable[[Session, datetime], T]) -> T:
    """Commit an outcome that only this worker knows."""
    return commit_with_retry(context, write, for_seconds=context.settings.submit.settle_within_seconds)


def bind(context: Context, claim: Claim, accepted: Acceptance) -> str:
    """Store the task id, before anything else; then the first poll is due one interval later."""
    # Before the commit, so that the id is on record somewhere even if the database is gone.
    log.info("render_job.accepted", job_id=str(claim.job_id), attempt=claim.number,
             provider_task_id=accepted.provider_task_id, provider_request_id=accepted.request_id)  # fmt: skip
    failpoint(Failpoint.ACCEPTED)
    context.journal.made(claim.attempt_id, accepted.provider_task_id, at=claim.journaled.claimed_at)
    failpoint(Failpoint.NAMED)

    def write(session: Session, now: datetime) -> tuple[Wake | None, datetime]:
        next_poll = bind_task(session, claim, accepted, now=now)
        raise_rate(session, claim.attempt_id)
        end_posting(session, claim.attempt_id)
        return wake_for(session, next_poll), now

    try:
        wake, now = _settle(context, write)
    except TaskTakenError as error:
        context.journal.misnamed(claim.attempt_id, at=claim.journaled.claimed_at)
        return park(context, claim, ProviderError(str(error), request_id=accepted.request_id))
    failpoint(Failpoint.BOUND)
    if wake is not None:
        context.hints.poll(wake, now=now)
    _hint_next(context, claim)
    return f"provider_task={accepted.provider_task_id}"


def reject(context: Context, claim: Claim, error: ProviderError) -> str:
    """Handle a refusal, which created no task: retry later, pause the account, or end the job, by the error's class."""
    failpoint(Failpoint.REFUSED)

    def write(session: Session, now: datetime) -> None:
        if _close_with(session, claim, AttemptState.REJECTED, error, now=now):
            _go_on(context, session, claim, error, now)
        end_posting(session, claim.attempt_id)

    _settle(context, write)
    context.journal.unmade(claim.attempt_id, at=claim.journaled.claimed_at)
    log.warning("render_job.rejected", job_id=str(claim.job_id), attempt=claim.number,
                failure_class=error.failure_class.value, error=error.summary,
                provider_request_id=error.request_id)  # fmt: skip
    context.hints.dispatch()
    _hint_next(context, claim)
    return f"rejected: {error.summary}"


def _go_on(context: Context, session: Session, claim: Claim, error: ProviderError, now: datetime) -> None:
    """Move a job whose attempt was refused, by the error's class."""
    failure_class = error.failure_class
    reason = Reason(failure_class, error.code, str(error))
    if _is_lanes(session, claim, error):
        # The lane waits, not the job: it keeps its place, and the next one would fare no better.
        backoff = THROTTLE_BACKOFF.delay(refusals_in_a_row(session, claim.attempt_id) + 1)
        until = now + timedelta(seconds=max(backoff, error.retry_after_seconds or 0))
        if (error.retry_after_seconds or 0) >= LONG_WAIT_SECONDS:
            hold_lanes(session, claim.account.id, until)
            log.warning("account.held", account=claim.account.name, until=until.isoformat(), reason=error.summary)
        throttle(session, claim.attempt_id, until, slower=failure_class is FailureClass.THROTTLE)
        requeue(session, claim.job_id, epoch=claim.epoch, now=now, reason=reason)
    elif failure_class is FailureClass.ACCOUNT:
        hold_account(session, claim.job_id, claim.account, error.summary, epoch=claim.epoch, now=now)
    elif error.rule.may_pass and (again_at := _again_at(context, session, claim, now)) is not None:
        requeue(session, claim.job_id, epoch=claim.epoch, now=now, reason=reason, not_before_at=again_at)
    else:
        end(session, claim.job_id, reason, epoch=claim.epoch, now=now)


def _is_lanes(session: Session, claim: Claim, error: ProviderError) -> bool:
    """Whether an error passes by itself, without a change to the account."""
    if isinstance(error, MisdirectedError):
        return not is_misdirected(session, claim.account.id)
    return isinstance(error, NotSentError) or error.failure_class is FailureClass.THROTTLE


def _again_at(context: Context, session: Session, claim: Claim, now: datetime) -> datetime | None:
    """When to try again after a refusal that may pass; None after the last time."""
    rules = context.settings.submit
    job = session.get_one(RenderJob, claim.job_id, populate_existing=True)
    if job.fault_count >= rules.fault_retries:
        return None
    job.fault_count += 1
    return now + timedelta(seconds=rules.fault_backoff.delay(job.fault_count))


def park(context: Context, claim: Claim, error: ProviderError) -> str:
    """Handle an answer that leaves open whether a task was created: the slot is kept, and the task list decides."""

    def write(session: Session, now: datetime) -> None:
        if _close_with(session, claim, AttemptState.AMBIGUOUS, error, now=now):
            rules = context.settings.reconcile
            mark_ambiguous(session, claim.attempt_id, claim.job_id, error.summary, rules, now=now)
            if is_misdirected(session, claim.account.id):
                pause_account(session, claim.account.id, error.message, now=now)
        end_posting(session, claim.attempt_id)

    _settle(context, write)
    _hint_next(context, claim)
    return f"ambiguous: {error.summary}"


def _hint_next(context: Context, claim: Claim) -> None:
    """Hint at the next admitted job of the lane, whose own message may have found the lane taken."""
    with context.sessions.begin() as session:
        following = next_to_submit(session, claim.account.id, claim.model, now=context.clock.now(session))
    if following is not None:
        job_id, epoch = following
        context.hints.submit(job_id, epoch, claim.model)


def _close_with(session: Session, claim: Claim, state: AttemptState, error: ProviderError, *, now: datetime) -> bool:
    """Store an outcome; False if the attempt was settled while this worker was away."""
    closed = session.execute(
        update(Attempt)
        .where(Attempt.id == claim.attempt_id, Attempt.state.in_(OPEN_ATTEMPT))
        .values(
            state=state,
            closed_at=now,
            reconcile_at=None,
            http_status=error.http_status,
            request_id=error.request_id,
            error_class=error.failure_class,
            error_code=error.code,
            error_message=error.message,
        )
        .returning(Attempt.id)
    )
    return closed.first() is not None
