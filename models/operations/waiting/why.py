"""Why a render job waits: reads its rows, and says it."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from decimal import Decimal
from typing import Final
from uuid import UUID

from sqlalchemy import exists, select
from sqlalchemy.orm import Session

from models.account import Account
from models.attempt import Attempt
from models.campaign import Campaign
from models.job_event import STORE_FAILED, JobEvent
from models.operations.admission.conditions import Cause
from models.operations.jobs.newest_task import newest_task
from models.operations.jobs.price import quote
from models.operations.money.budget import reserved_amount
from models.operations.money.caps import describe_cap
from models.operations.money.slot_reservations import Quote
from models.operations.scheduling.account_limits import offers
from models.operations.scheduling.render_times import render_times
from models.operations.waiting.queued import Wait, what_waits
from models.operations.waiting.under_way import UnderWay, say_under_way
from models.operations.waiting.words import Facts, Said, say_queued
from models.render_job import RenderJob
from models.slot import Slot
from models.submit_lane import SubmitLane
from reelqueue.schemas.why import Why
from reelqueue.states import TERMINAL, UNSUBMITTED, RenderState

_LATEST_TASKS: Final = 500
"""Renders that say how long one takes."""
_UNDER_WAY: Final = tuple(sorted(set(RenderState) - TERMINAL - set(UNSUBMITTED)))


def why(session: Session, job: RenderJob, *, now: datetime, is_operator: bool) -> Why:
    """What a job waits for now.

    Args:
        session: In a transaction; nothing is locked or written.
        job: The job.
        now: The time.
        is_operator: Whether the words may name accounts, other owners' campaigns and operators' commands.
    """
    if job.state is not RenderState.QUEUED:
        return _view(job, job.state.value, say_under_way(_read_under_way(session, job, now, is_operator=is_operator)))
    wait = what_waits(session, job, now)
    return why_queued(session, job, wait, now=now, is_operator=is_operator)


def why_queued(session: Session, job: RenderJob, wait: Wait, *, now: datetime, is_operator: bool) -> Why:
    """What a queued job waits for, of which it is known what keeps it."""
    facts = _read_facts(session, job, wait, now, is_operator=is_operator)
    ahead = wait.ahead.total() if wait.cause is Cause.SLOTS else None
    return _view(job, wait.cause.value, say_queued(facts), ahead)


def _view(job: RenderJob, cause: str, said: Said, ahead: int | None = None) -> Why:
    return Why(
        job_id=job.id,
        state=job.state,
        cause=cause,
        reason=said.reason,
        remedy=said.remedy,
        is_blocking=said.is_blocking,
        until=said.until,
        ahead_count=ahead,
    )


def _read_under_way(session: Session, job: RenderJob, now: datetime, *, is_operator: bool) -> UnderWay:
    newest = select(Attempt).where(Attempt.job_id == job.id).order_by(Attempt.number.desc()).limit(1)
    refusal = (
        select(JobEvent.detail["reason"].astext)
        .where(JobEvent.job_id == job.id, JobEvent.kind == STORE_FAILED)
        .order_by(JobEvent.id.desc())
        .limit(1)
    )
    return UnderWay(
        job=job,
        now=now,
        is_operator=is_operator,
        slot=session.get(Slot, job.id),
        lane=None if job.account_id is None else session.get(SubmitLane, (job.account_id, job.model)),
        attempt=session.scalars(newest).one_or_none(),
        task=session.scalars(newest_task(job.id)).one_or_none(),
        refusal=session.scalars(refusal).one_or_none(),
    )


def _read_facts(session: Session, job: RenderJob, wait: Wait, now: datetime, *, is_operator: bool) -> Facts:
    campaign = session.get_one(Campaign, job.campaign_id)
    cap = None if wait.turn is None else wait.turn.offer.cap
    means = render_times(session, [job.model], latest=_LATEST_TASKS) if wait.cause is Cause.SLOTS else {}
    return Facts(
        job=job,
        campaign=campaign,
        wait=wait,
        now=now,
        is_operator=is_operator,
        names=_names(session, wait, campaign, is_operator=is_operator),
        before=None if job.after_job_id is None else session.get(RenderJob, job.after_job_id),
        price=_price(session, job, campaign) if wait.cause in {Cause.OUT_OF_BUDGET, Cause.BUDGET} else None,
        committed=_committed(session, campaign),
        is_canary_under_way=_has_clip_under_way(session, campaign),
        cap=None if cap is None else describe_cap(session, cap),
        mean_seconds=means[job.model].mean_seconds if job.model in means else None,
    )


def _names(session: Session, wait: Wait, campaign: Campaign, *, is_operator: bool) -> Mapping[UUID, str]:
    named = select(Campaign.id, Campaign.name).where(Campaign.id.in_(wait.ahead))
    own = named if is_operator else named.where(Campaign.tenant_id == campaign.tenant_id)
    return dict(session.execute(own).all())


def _price(session: Session, job: RenderJob, campaign: Campaign) -> Quote | None:
    """The least that a job costs in the currency of its campaign's budget."""
    accounts = [one for one in session.scalars(select(Account)) if offers(one, job.model)]
    prices = [price for account in accounts if (price := quote(session, job, account)) is not None]
    payable = [price for price in prices if price.currency == campaign.budget_currency]
    return min(payable, key=lambda price: price.max_amount, default=None)


def _committed(session: Session, campaign: Campaign) -> Decimal:
    if campaign.budget_currency is None:
        return Decimal(0)
    return campaign.spent_amount + reserved_amount(session, campaign.id, campaign.budget_currency)


def _has_clip_under_way(session: Session, campaign: Campaign) -> bool:
    begun = exists().where(
        RenderJob.campaign_id == campaign.id, RenderJob.state.in_(_UNDER_WAY), RenderJob.superseded_at.is_(None)
    )
    return session.scalars(select(begun)).one()
