"""Taking the next text job of a model: its turn on a lane, its money, and the recorded intent, in one transaction.

A hint names a job, and the worker takes whichever of its model is first: by what each tenant has running, then by
priority. A lane that is not free yet is left to the hint that comes when it is.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final
from uuid import UUID

from sqlalchemy import and_, func, or_, select
from sqlalchemy.orm import Session

from models.account import DEFAULT_ACCOUNT_NAME, Account
from models.campaign import Campaign
from models.operations.accounts import pause_account
from models.operations.money.budget import reserved_amount
from models.operations.money.caps import Caps, Wanted, describe_cap
from models.operations.scheduling.account_limits import offers
from models.operations.texts.attempts import open_attempt
from models.operations.texts.lanes import free_from, lock_text_lanes, plan_wake, take_turn
from models.operations.texts.rates import rate_of
from models.operations.texts.transitions import move_text
from models.text_job import TextJob
from models.text_lane import TextLane
from reelqueue.catalog.price_list import CURRENCY_BY_REGION
from reelqueue.catalog.text_limits import TextLimits
from reelqueue.errors import ConfigurationError, InvalidRequestError
from reelqueue.failure_codes import FailureCode
from reelqueue.qwen.cost import TextCost
from reelqueue.qwen.request import parse_text_request
from reelqueue.qwen.settings import QwenSettings
from reelqueue.qwen.wire.builder import BuiltTextRequest, build_text
from reelqueue.states import FailureClass, TextState
from workers.dispatch.default_account import ensure_default_account
from workers.runtime.context import Context

_LOOKS_AT_ONCE: Final = 20
"""Jobs that are looked at in one transaction before it is given up."""
_SHORT_WAIT: Final = timedelta(seconds=0.25)
"""A turn that comes so soon is taken and waited for: messages are not that exact."""
_BYTES_PER_TOKEN: Final = 3
_OUTPUT_TOKENS: Final = 1_000
"""What a turn counts for an answer of unknown length; what is more is added when it is there."""


@dataclass(frozen=True)
class TextClaim:
    """A text job that this worker alone may send, and what it sends."""

    job_id: UUID
    epoch: int
    attempt_id: UUID
    number: int
    account_id: UUID
    model: str
    settings: QwenSettings
    built: BuiltTextRequest
    is_streamed: bool
    limits: TextLimits
    """Of its account and model."""
    counted_tokens: int
    """What its turn on the lane counted."""
    wait_seconds: float
    """Until its turn."""
    send_within_seconds: float
    """Since it was claimed: after that the call must not leave."""


@dataclass(frozen=True)
class TextWake:
    """A hint that keeps a lane going."""

    job_id: UUID
    model: str
    delay_seconds: float


@dataclass(frozen=True)
class Nothing:
    """No job was taken."""

    why: str
    wake: TextWake | None = None


@dataclass(frozen=True)
class Taken:
    """A job was taken."""

    claim: TextClaim
    wake: TextWake | None
    """For the next job of the model."""


@dataclass(frozen=True)
class _Unpaid:
    """A campaign that cannot pay for its first job now."""

    campaign_id: UUID


def take_text_job(context: Context, job_id: UUID) -> Taken | Nothing:
    """Take the first job of a model that can be sent now, and commit the intent.

    Args:
        context: The outside world.
        job_id: Any job of the model: the one that a hint names.
    """
    without = frozenset[UUID]()
    for _ in range(_LOOKS_AT_ONCE):
        # A transaction for each campaign: dispatch locks campaigns by their ids, and the caps after all of them.
        found = _take(context, job_id, without)
        if not isinstance(found, _Unpaid):
            return found
        without |= {found.campaign_id}
    return Nothing("the first jobs cannot be paid for: left to the next hint")


def _take(context: Context, job_id: UUID, without: frozenset[UUID]) -> Taken | Nothing | _Unpaid:
    overdue = timedelta(seconds=context.settings.celery.overdue_seconds)
    with context.sessions.begin() as session:
        model = session.scalars(select(TextJob.model).where(TextJob.id == job_id)).one_or_none()
        if model is None:
            return Nothing("there is no such text job: nothing done")
        ensure_text_account(session, context)
        accounts = _open_accounts(session, model)
        lanes = lock_text_lanes(session, model, list(accounts))
        now = context.clock.now(session)
        if not lanes:
            return Nothing(f"no account takes {model} just now: nothing done")
        lane = min(lanes, key=lambda one: free_from(one, now))
        if free_from(lane, now) > now + _SHORT_WAIT:
            at = plan_wake(lane, now=now, overdue=overdue)
            return Nothing(f"{model} is paced: waits its turn", _wake(job_id, model, at, now))
        claim = _first_that_fits(session, context, accounts[lane.account_id], lane, now, without)
        if not isinstance(claim, TextClaim):
            return claim if isinstance(claim, _Unpaid) else Nothing(claim)
        following = next_text_job(session, model, now, without=frozenset())
        lane.wake_at = None
        if following is None:
            return Taken(claim, None)
        return Taken(claim, _wake(following.id, model, plan_wake(lane, now=now, overdue=overdue), now))


def _wake(job_id: UUID, model: str, at: datetime | None, now: datetime) -> TextWake | None:
    """The hint for a time; it comes a little early, and its worker waits."""
    return TextWake(job_id, model, max((at - now - _SHORT_WAIT).total_seconds(), 0)) if at is not None else None


def ensure_text_account(session: Session, context: Context) -> None:
    """Make the default account, unless it is as the environment says: an upsert would wait for dispatch."""
    default = session.scalars(select(Account).where(Account.name == DEFAULT_ACCOUNT_NAME)).one_or_none()
    if default is None or default.text_base_url != context.settings.text.base_url:
        ensure_default_account(session, context)


def _open_accounts(session: Session, model: str) -> dict[UUID, Account]:
    found = session.scalars(select(Account).where(Account.paused_at.is_(None)))
    return {account.id: account for account in found if offers(account, model)}


def next_text_job(session: Session, model: str, now: datetime, *, without: frozenset[UUID]) -> TextJob | None:
    """The queued job of a model that is first, locked; jobs that another transaction holds are left out.

    Args:
        session: In a transaction.
        model: The model.
        now: The time.
        without: Campaigns that cannot pay just now.
    """
    running = (
        select(TextJob.tenant_id, func.count().label("count"))
        .where(TextJob.state == TextState.RUNNING, TextJob.is_batched.is_(False))
        .group_by(TextJob.tenant_id)
        .subquery()
    )
    is_due = and_(
        TextJob.state == TextState.QUEUED,
        TextJob.is_batched.is_(False),
        TextJob.model == model,
        or_(TextJob.not_before_at.is_(None), TextJob.not_before_at <= now),
        or_(TextJob.start_by.is_(None), TextJob.start_by > now),
        TextJob.campaign_id.not_in(without),
        Campaign.paused_at.is_(None),
        Campaign.cancelled_at.is_(None),
        or_(Campaign.run_at.is_(None), Campaign.run_at <= now),
    )
    first = (
        select(TextJob)
        .join(Campaign, Campaign.id == TextJob.campaign_id)
        .outerjoin(running, running.c.tenant_id == TextJob.tenant_id)
        .where(is_due)
        .order_by(
            func.coalesce(running.c.count, 0),
            (TextJob.priority + Campaign.priority).desc(),
            TextJob.created_at,
            TextJob.id,
        )
        .limit(1)
        .with_for_update(of=TextJob, key_share=True, skip_locked=True)
    )
    return session.scalars(first.execution_options(populate_existing=True)).one_or_none()


def _first_that_fits(
    session: Session, context: Context, account: Account, lane: TextLane, now: datetime, without: frozenset[UUID]
) -> TextClaim | _Unpaid | str:
    try:
        settings = context.text_settings(account)
    except ConfigurationError as error:
        pause_account(session, account.id, str(error), now=now)
        return f"account paused: {error}"
    for _ in range(_LOOKS_AT_ONCE):
        job = next_text_job(session, lane.model, now, without=without)
        if job is None:
            why = "is due that can be paid for" if without else "is due"
            return f"no {lane.model} {why}: nothing done"
        built = _built(session, job, settings, now)
        if built is None:
            continue
        if not _can_pay(session, job, account, built.max_cost, now):
            return _Unpaid(job.campaign_id)
        return _claimed(session, context, job, account, lane, settings, built, now)
    return "the first jobs cannot be sent: left to the next hint"


def _built(session: Session, job: TextJob, settings: QwenSettings, now: datetime) -> BuiltTextRequest | None:
    """What is sent; None: the job has ended instead."""
    try:
        # As a stream, for any reader: a whole answer is cut at 300 s, and a dead worker is noticed late.
        built = build_text(parse_text_request(job.request), settings, stream=True)
    except InvalidRequestError as error:
        _fail(session, job, FailureClass.INPUT, error.code, error.message, now)
        return None
    limit, most = job.max_cost_amount, built.max_cost
    if limit is None:
        return built
    if most is None or most.currency != job.max_cost_currency:
        message = f"it has a limit in {job.max_cost_currency}, and no price is known in that currency"
        _fail(session, job, FailureClass.INPUT, FailureCode.NO_PRICE, message, now)
        return None
    if (job.cost_amount or 0) + most.amount > limit:
        message = f"it has cost {job.cost_amount or 0} and one call may cost {most.amount}; its limit is {limit}"
        _fail(session, job, FailureClass.INPUT, FailureCode.COST_ABOVE_LIMIT, message, now)
        return None
    return built


def _fail(session: Session, job: TextJob, failure: FailureClass, code: str, message: str, now: datetime) -> None:
    move_text(
        session,
        job.id,
        [TextState.QUEUED],
        TextState.FAILED,
        now=now,
        failure_class=failure,
        failure_code=code,
        failure_message=message,
    )


def _can_pay(session: Session, job: TextJob, account: Account, most: TextCost | None, now: datetime) -> bool:
    """Whether its campaign goes on, and its budget and the caps above cover one call; locks them, notes why not."""
    # Also one without a budget: one that is being set counts what is reserved, and must not miss this call.
    campaign = session.get_one(Campaign, job.campaign_id, with_for_update={"key_share": True}, populate_existing=True)
    if campaign.paused_at is not None or campaign.cancelled_at is not None:
        return False  # since the job was chosen: nothing is sent after the commit of a stop
    if campaign.budget_amount is not None and not _is_in_budget(session, job, campaign, most, now):
        return False
    caps = Caps.open(session, now)
    currency = most.currency if most else CURRENCY_BY_REGION.get(account.region)
    wanted = Wanted(job.tenant_id, account.id, currency, most.amount if most else None)
    if (cap := caps.short(wanted)) is not None:
        _wait(job, f"waits: the cap of {describe_cap(session, cap)} has no room for it")
        return False
    caps.reserve(wanted)
    return True


def _is_in_budget(session: Session, job: TextJob, campaign: Campaign, most: TextCost | None, now: datetime) -> bool:
    if campaign.budget_amount is None or campaign.budget_currency is None:
        return True
    if most is None or most.currency != campaign.budget_currency:
        message = f"campaign {campaign.name!r} has a budget in {campaign.budget_currency}, and no price is known for it"
        _fail(session, job, FailureClass.INPUT, FailureCode.NO_PRICE, message, now)
        return False
    reserved = reserved_amount(session, campaign.id, campaign.budget_currency)
    left = campaign.budget_amount - campaign.spent_amount - reserved
    if most.amount <= left:
        return True
    _wait(job, f"waits: its campaign's budget leaves {left}, and it may cost {most.amount}")
    return False


def _wait(job: TextJob, why: str) -> None:
    job.failure_code, job.failure_message = FailureCode.BUDGET_EXHAUSTED, why


def _claimed(
    session: Session,
    context: Context,
    job: TextJob,
    account: Account,
    lane: TextLane,
    settings: QwenSettings,
    built: BuiltTextRequest,
    now: datetime,
) -> TextClaim:
    epoch = job.epoch + 1
    latest = now + timedelta(seconds=context.settings.text.send_within_seconds)
    send_by = min(latest, job.start_by or latest)
    move_text(
        session,
        job.id,
        [TextState.QUEUED],
        TextState.RUNNING,
        now=now,
        epoch=job.epoch,
        account_id=account.id,
        started_at=now,
        not_before_at=None,
        failure_class=None,
        failure_code=None,
        failure_message=None,
    )
    job = session.get_one(TextJob, job.id, populate_existing=True)
    job.epoch = epoch
    attempt = open_attempt(
        session,
        job,
        account_id=account.id,
        base_url=settings.base_url,
        spec_sha256=hashlib.sha256(built.content).hexdigest(),
        most=built.max_cost,
        now=now,
        send_by=send_by,
    )
    output = min(built.body.get("max_tokens") or _OUTPUT_TOKENS, _OUTPUT_TOKENS)
    tokens = len(built.content) // _BYTES_PER_TOKEN + output
    limits = rate_of(account, job.model)
    turn_at = take_turn(lane, limits.seconds_of(tokens), now=now)
    return TextClaim(
        job_id=job.id,
        epoch=epoch,
        attempt_id=attempt.id,
        number=attempt.number,
        account_id=account.id,
        model=job.model,
        settings=settings,
        built=built,
        is_streamed=job.is_streamed,
        limits=limits,
        counted_tokens=tokens,
        wait_seconds=(turn_at - now).total_seconds(),
        send_within_seconds=(send_by - now).total_seconds(),
    )
