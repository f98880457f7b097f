"""What keeps a queued job from a slot: a dispatch on paper, by the rules and from the rows of a real one."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Final
from uuid import UUID

from sqlalchemy import exists, select
from sqlalchemy.orm import Session

from models.account import Account
from models.campaign import Campaign
from models.operations.admission.breaker import breaker_reason
from models.operations.admission.canaries import choose_canaries, held_back
from models.operations.admission.conditions import Cause, campaign_conditions, job_conditions
from models.operations.admission.fair_share import CampaignQueue
from models.operations.admission.lanes import Lane, Turn, open_lanes
from models.operations.admission.queue import lines, open_campaigns, waiting_campaigns, waiting_models
from models.operations.admission.usage import Usage
from models.operations.jobs.current_clip import IS_CURRENT
from models.operations.money.caps import Caps
from models.operations.scheduling.account_limits import offers
from models.operations.scheduling.submit_gates import Openings, read_openings
from models.render_job import RenderJob

BEYOND: Final = 50
"""Turns before a job's that are counted for who asks."""
NEAREST: Final = (
    Cause.DUE,
    Cause.SLOTS,
    Cause.MAX_IN_FLIGHT,
    Cause.CANARY,
    Cause.THROTTLED,
    Cause.CAP,
    Cause.BUDGET,
    Cause.REPRICED,
    Cause.GATE,
    Cause.ACCOUNT_PAUSED,
    Cause.UNPRICED,
    Cause.CURRENCY,
    Cause.NO_SLOTS,
)
"""Of several accounts, the one whose cause comes first is the one that a job waits for."""


@dataclass(frozen=True, kw_only=True)
class Wait:
    """What keeps a job from a slot, at one account or at all."""

    cause: Cause
    account: Account | None = None
    """Where; None: it has nothing to do with accounts."""
    reason: str | None = None
    """What is stored about it, or what the breaker says."""
    until: datetime | None = None
    turn: Turn | None = None
    """The turn that was refused: the job's own, or that of one before it in its campaign's line."""
    ahead: Counter[UUID] = field(default_factory=Counter)
    """Jobs that get slots before it, by campaign."""
    missing_slots: int = 0
    """Slots that must become free, or be added, before it gets one."""
    is_far: bool = False
    """Whether so many are ahead that they were not counted to the end."""
    slots: int = 0
    """Tasks of the model that the account renders at a time."""
    leased: int = 0
    """Tasks of the model that are there."""
    others: tuple[Wait, ...] = ()
    """What keeps it from the slots of other accounts."""


def what_waits(session: Session, job: RenderJob, now: datetime, *, beyond: int = BEYOND) -> Wait:
    """What keeps a queued job from a slot; cause `due` if the next dispatch admits it.

    Args:
        session: In a transaction; nothing is locked or written.
        job: A job that is queued.
        now: The time.
        beyond: Slots beyond the free ones up to which the turns before the job's are counted; each costs a few
            queries.
    """
    cause = _own_cause(session, job, now)
    if cause is not None:
        return Wait(cause=cause)
    campaign = session.get_one(Campaign, job.campaign_id)
    if reason := breaker_reason(session, campaign):
        return Wait(cause=Cause.BREAKER, reason=reason)
    found = list(_at_accounts(session, job, now, beyond))
    if not found:
        has_account = session.scalars(select(exists().select_from(Account))).one()
        return Wait(cause=Cause.NOT_OFFERED if has_account else Cause.NO_ACCOUNT)
    nearest = min(found, key=lambda wait: (NEAREST.index(wait.cause), wait.missing_slots))
    return replace(nearest, others=tuple(one for one in found if one is not nearest))


def _own_cause(session: Session, job: RenderJob, now: datetime) -> Cause | None:
    """Which condition on the job or its campaign does not hold."""
    conditions = campaign_conditions(now) | job_conditions(now)
    asked = select(*conditions.values()).join_from(RenderJob, Campaign, Campaign.id == RenderJob.campaign_id)
    fulfilled = session.execute(asked.where(RenderJob.id == job.id)).one()
    return next((cause for cause, is_so in zip(conditions, fulfilled, strict=True) if not is_so), None)


def _at_accounts(session: Session, job: RenderJob, now: datetime, beyond: int) -> Iterator[Wait]:
    """What keeps a job from the slots of each account that renders its model."""
    accounts = session.scalars(select(Account).order_by(Account.created_at, Account.id)).all()
    openings = read_openings(session, now)
    yield from _shut(accounts, openings, job.model)
    healthy = [account for account in accounts if account.paused_at is None]
    yield from _played(session, job, _Queue(healthy, openings, now), beyond)


def _shut(accounts: Sequence[Account], openings: Openings, model: str) -> Iterator[Wait]:
    for account in accounts:
        if not offers(account, model):
            continue
        if account.paused_at is not None:
            yield Wait(cause=Cause.ACCOUNT_PAUSED, account=account, reason=account.paused_reason)
        elif not openings.lets(account.id, model):
            cause = openings.cause_of_hold([account], model)
            yield Wait(cause=Cause.GATE, account=account, reason=cause)


@dataclass(frozen=True)
class _Queue:
    """What a dispatch begins with."""

    accounts: list[Account]
    openings: Openings
    now: datetime


def _played(session: Session, job: RenderJob, queue: _Queue, beyond: int) -> Iterator[Wait]:
    """Play a dispatch as far as the job's own lanes, and look at each of these before its slots are given away."""
    models = waiting_models(session)
    usage = _read_usage(session, models, queue.now)
    is_chosen = _is_chosen(session, usage, job)
    # One that got a slot meanwhile may have been the last of its model.
    filled = models[: models.index(job.model) + 1] if job.model in models else models
    for lane in open_lanes(session, usage, queue.accounts, queue.openings, filled, queue.now):
        if lane.model == job.model:
            copied = replace(lane, usage=usage.copy())
            yield _at_lane(copied, job, beyond) if is_chosen else _here(lane, Cause.CANARY)
        if not lane.is_taking:
            continue
        for turn in lane.turns(_lines(lane, lane.free), lane.free):
            if turn.waiting.job_id == job.id and turn.refused is None:
                return  # admitted here, and in no later lane


def _read_usage(session: Session, models: list[str], now: datetime) -> Usage:
    waiting = {one for model in models for one in waiting_campaigns(session, model)}
    able = open_campaigns(session, waiting, now, is_locking=False)
    going = {one: campaign for one, campaign in able.items() if breaker_reason(session, campaign) is None}
    usage = Usage.read(session, going, Caps.look(session, now))
    choose_canaries(session, usage)
    return usage


def _is_chosen(session: Session, usage: Usage, job: RenderJob) -> bool:
    """Whether the job may begin as far as its campaign's canary is concerned."""
    if usage.canaries.get(job.campaign_id, 1) <= 0:
        return False
    if job.campaign_id not in held_back(usage):
        return True
    is_clip = select(exists().where(RenderJob.id == job.id, *IS_CURRENT))
    return job.custom_id in usage.canary_clips[job.campaign_id] and session.scalars(is_clip).one()


def _lines(lane: Lane, count: int) -> list[CampaignQueue]:
    return lines(lane.session, lane.model, lane.usage, lane.now, count, is_locking=False)


def _here(lane: Lane, cause: Cause) -> Wait:
    leased = lane.usage.by_lane[lane.account.id, lane.model]
    return Wait(cause=cause, account=lane.account, slots=lane.limits.slots, leased=leased)


def _at_lane(lane: Lane, job: RenderJob, beyond: int) -> Wait:
    """What keeps a job from a lane's slots; the lane's usage is used up."""
    if not lane.limits.slots:
        return _here(lane, Cause.NO_SLOTS)
    if until := lane.throttled_until:
        return replace(_here(lane, Cause.THROTTLED), until=until)
    return _in_line(lane, job, max(lane.free, 0) + beyond)


def _in_line(lane: Lane, job: RenderJob, count: int) -> Wait:
    """Give a lane *count* slots, more than there are, until it is the job's turn."""
    here, free, ahead = _here(lane, Cause.SLOTS), lane.free, Counter[UUID]()
    waiting = _lines(lane, count)
    for turn in lane.turns(waiting, count):
        if turn.refused is not None:
            if turn.line.campaign_id == job.campaign_id:
                return replace(here, cause=turn.refused, turn=turn)
        elif turn.waiting.job_id == job.id:
            missing = ahead.total() + 1 - free
            return replace(here, cause=Cause.SLOTS if missing > 0 else Cause.DUE, ahead=ahead, missing_slots=missing)
        else:
            ahead[turn.line.campaign_id] += 1
    if cause := _full_campaign(lane, waiting, job):
        return replace(here, cause=cause)
    return replace(here, ahead=ahead, missing_slots=ahead.total() + 1 - free, is_far=True)


def _full_campaign(lane: Lane, waiting: list[CampaignQueue], job: RenderJob) -> Cause | None:
    """Whether a job's campaign allows itself no more."""
    line = next((line for line in waiting if line.campaign_id == job.campaign_id), None)
    if line is None or line.room is None or line.room > 0:
        return None
    is_canary = lane.usage.canaries.get(job.campaign_id, 1) <= 0
    return Cause.CANARY if is_canary else Cause.MAX_IN_FLIGHT
