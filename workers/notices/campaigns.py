"""What happened to campaigns, read from rows: nothing writes it down when it happens.

A marker changes with each occurrence, so that the same rows give the same key at each look: the moment of a pause, the
newest clip of a campaign that finished. What was reported already is left out where many campaigns may have it.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime
from typing import Any, Final

from sqlalchemy import ColumnElement, Subquery, Text, and_, case, cast, exists, func, or_, select
from sqlalchemy.orm import Session

from models.campaign import STANDING_CAMPAIGN_NAME, Campaign
from models.ledger_entry import SPENT_KINDS, LedgerEntry
from models.notice import Notice
from models.operations.admission.breaker import BREAKER_REASON
from models.operations.campaigns.status import is_canary_done, money_of, state_counts
from models.operations.money.caps import THRESHOLDS
from models.render_job import RenderJob
from models.slot import Slot
from models.text_attempt import TextAttempt
from models.text_job import TextJob
from reelqueue.states import OPEN_TEXT_ATTEMPT, TERMINAL, UNSUBMITTED, RenderState
from reelqueue.webhooks import CampaignEvent, EventMoney
from workers.notices.occurrence import Occurrence

_AT_ONCE: Final = 100
"""Of each kind: the next look, seconds later, finds the rest."""
_LIVE: Final = tuple(sorted(set(RenderState) - TERMINAL))
_BEGUN: Final = tuple(sorted(set(RenderState) - set(UNSUBMITTED)))
_MICROSECONDS: Final = "YYYYMMDDHH24MISSUS"


def campaign_occurrences(session: Session, now: datetime) -> Iterator[Occurrence]:
    """What is so with campaigns now, as far as it may not have been reported."""
    yield from _ready_canaries(session)
    yield from _tripped_breakers(session)
    yield from _risen_prices(session)
    yield from _reached_budgets(session, now)
    yield from _reviews(session, now)
    yield from _finished(session)


def campaign_facts(session: Session, campaign: Campaign) -> dict[str, Any]:
    """A campaign's numbers as JSON: its clips by state, and its money."""
    money = [
        EventMoney(currency=one.currency, spent=one.spent, reserved=one.reserved, budget=one.cap)
        for one in money_of(session, campaign)
    ]
    counts = dict(state_counts(session, campaign))
    return {"counts": counts, "money": [one.model_dump(mode="json") for one in money]}


def _ready_canaries(session: Session) -> Iterator[Occurrence]:
    """Canaries that have ended while clips wait behind them."""
    waits = exists().where(RenderJob.campaign_id == Campaign.id, RenderJob.state == RenderState.QUEUED)
    waiting = select(Campaign).where(
        Campaign.canary_count.is_not(None),
        Campaign.approved_at.is_(None),
        Campaign.paused_at.is_(None),
        Campaign.cancelled_at.is_(None),
        waits,
    )
    for campaign in session.scalars(waiting).all():
        # A handful: nothing behind the canary was submitted.
        begun = session.execute(
            select(RenderJob.state, func.count(), func.max(RenderJob.admitted_at), func.max(RenderJob.finished_at))
            .where(
                RenderJob.campaign_id == campaign.id,
                RenderJob.superseded_at.is_(None),
                RenderJob.state.in_(_BEGUN),
            )
            .group_by(RenderJob.state)
        ).all()
        if is_canary_done(campaign, {state: count for state, count, *_ in begun}):
            newest = max((at for *_, at, _ in begun if at is not None), default=campaign.created_at)
            ended = max((at for *_, at in begun if at is not None), default=campaign.created_at)
            yield _of(CampaignEvent.CANARY_READY, campaign, newest.isoformat(), ended)


def _tripped_breakers(session: Session) -> Iterator[Occurrence]:
    paused = select(Campaign).where(
        Campaign.paused_at.is_not(None),
        Campaign.cancelled_at.is_(None),
        Campaign.paused_reason.startswith(BREAKER_REASON),
    )
    for campaign in session.scalars(paused):
        if campaign.paused_at is not None:
            facts = {"reason": campaign.paused_reason}
            yield _of(
                CampaignEvent.BREAKER_TRIPPED, campaign, campaign.paused_at.isoformat(), campaign.paused_at, facts
            )


def _risen_prices(session: Session) -> Iterator[Occurrence]:
    waiting = select(Campaign).where(Campaign.repriced_at.is_not(None), Campaign.cancelled_at.is_(None))
    for campaign in session.scalars(waiting):
        if campaign.repriced_at is not None:
            facts = {"reason": campaign.paused_reason}
            yield _of(
                CampaignEvent.PRICE_RISEN, campaign, campaign.repriced_at.isoformat(), campaign.repriced_at, facts
            )


def _reached_budgets(session: Session, now: datetime) -> Iterator[Occurrence]:
    """The highest threshold of each budget; a lower one after it is not reported, a new budget has its own."""
    slots, calls = _held_by_slots(), _held_by_calls()
    reserved = func.coalesce(slots.c.amount, 0) + func.coalesce(calls.c.amount, 0)
    used = (Campaign.spent_amount + reserved) * 100
    reached = ((used >= Campaign.budget_amount * one, one) for one in sorted(THRESHOLDS, reverse=True))
    percent = case((Campaign.budget_exhausted_at.is_not(None), 100), *reached)
    budget = func.concat(cast(func.trim_scale(Campaign.budget_amount), Text), " ", Campaign.budget_currency, " ")
    reported = exists().where(
        Notice.kind == CampaignEvent.BUDGET_REACHED,
        Notice.subject == cast(Campaign.id, Text),
        or_(*(and_(Notice.marker == func.concat(budget, str(one)), percent <= one) for one in THRESHOLDS)),
    )
    found = (
        select(Campaign, percent, func.concat(budget, cast(percent, Text)), reserved)
        .outerjoin(slots, _is_held_for(slots))
        .outerjoin(calls, _is_held_for(calls))
        .where(Campaign.budget_amount > 0, Campaign.cancelled_at.is_(None), percent.is_not(None), ~reported)
        .limit(_AT_ONCE)
    )
    for campaign, reached_percent, marker, held in session.execute(found).all():
        at = now if held else _last_spending(session, campaign) or now
        yield _of(CampaignEvent.BUDGET_REACHED, campaign, marker, at, {"percent": reached_percent})


def _held_by_slots() -> Subquery:
    amount = func.sum(Slot.reserved_amount).label("amount")
    return select(Slot.campaign_id, Slot.currency, amount).group_by(Slot.campaign_id, Slot.currency).subquery()


def _held_by_calls() -> Subquery:
    amount = func.sum(TextAttempt.reserved_amount).label("amount")
    return (
        select(TextJob.campaign_id, TextAttempt.currency, amount)
        .join(TextJob, TextJob.id == TextAttempt.job_id)
        .where(TextAttempt.state.in_(OPEN_TEXT_ATTEMPT))
        .group_by(TextJob.campaign_id, TextAttempt.currency)
        .subquery()
    )


def _is_held_for(held: Subquery) -> ColumnElement[bool]:
    return and_(held.c.campaign_id == Campaign.id, held.c.currency == Campaign.budget_currency)


def _last_spending(session: Session, campaign: Campaign) -> datetime | None:
    entered = select(func.max(LedgerEntry.at)).where(
        LedgerEntry.campaign_id == campaign.id, LedgerEntry.kind.in_(SPENT_KINDS)
    )
    return session.scalars(entered).one()


def _reviews(session: Session, now: datetime) -> Iterator[Occurrence]:
    """Campaigns of which clips wait for an operator; it lasts until none does."""
    waits = exists().where(RenderJob.campaign_id == Campaign.id, RenderJob.state == RenderState.NEEDS_REVIEW)
    for campaign in session.scalars(select(Campaign).where(waits)):
        yield _of(CampaignEvent.NEEDS_REVIEW, campaign, "", now)


def _finished(session: Session) -> Iterator[Occurrence]:
    """Campaigns of files whose clips have all ended; clips that are added or retried are newer than the marker."""
    newest = func.greatest(
        *(
            select(func.max(RenderJob.created_at))
            .where(RenderJob.campaign_id == Campaign.id, RenderJob.state == state)
            .scalar_subquery()
            for state in sorted(TERMINAL)
        )
    )
    marker = func.to_char(func.timezone("UTC", newest), _MICROSECONDS)
    reported = exists().where(
        Notice.kind == CampaignEvent.FINISHED,
        Notice.subject == cast(Campaign.id, Text),
        Notice.marker == marker,
    )
    ended = (
        select(Campaign, marker)
        .where(
            Campaign.name != STANDING_CAMPAIGN_NAME,
            newest.is_not(None),
            ~exists().where(RenderJob.campaign_id == Campaign.id, RenderJob.state.in_(_LIVE)),
            ~reported,
        )
        .limit(_AT_ONCE)
    )
    for campaign, found in session.execute(ended).all():
        last = select(func.max(RenderJob.finished_at)).where(RenderJob.campaign_id == campaign.id)
        yield _of(CampaignEvent.FINISHED, campaign, found, session.scalars(last).one() or campaign.created_at)


def _of(
    kind: CampaignEvent, campaign: Campaign, marker: str, at: datetime, facts: dict[str, Any] | None = None
) -> Occurrence:
    return Occurrence(kind, str(campaign.id), marker, at, campaign, facts or {})
