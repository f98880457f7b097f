"""How a campaign goes: counts, money and what went wrong, for about the same time however many clips have ended."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Any, Final

from sqlalchemy import func, literal, select, union_all
from sqlalchemy.orm import Session

from models.campaign import Campaign
from models.operations.campaigns.counts import Kind, by_state, counts_by_kind, spent_by_currency
from models.operations.campaigns.holds import holds_of
from models.render_job import RenderJob
from models.slot import Slot
from reelqueue.campaigns.report.summary import counted
from reelqueue.schemas.campaigns import Campaign as CampaignView
from reelqueue.schemas.campaigns import CampaignMoney, CsvStyle, FailureGroup, Phase
from reelqueue.states import TERMINAL, UNSUBMITTED, RenderState

PACE_WINDOW: Final = timedelta(minutes=10)
FAILURE_GROUPS_MAX: Final = 20
AT_PROVIDER: Final = (RenderState.SUBMITTING, RenderState.RENDERING, RenderState.CANCELLING, RenderState.ARCHIVING)
"""States of clips that move by themselves."""
WITHOUT_VIDEO: Final = tuple(sorted(TERMINAL - {RenderState.SUCCEEDED}))


def campaign_view(session: Session, campaign: Campaign, *, now: datetime) -> CampaignView:
    """*campaign* as the API shows it."""
    kinds = counts_by_kind(session, campaign.id)
    counts = by_state(kinds)
    phase, reason = _phase(campaign, counts, now)
    return CampaignView(
        name=campaign.name,
        phase=phase,
        reason=reason,
        holds=holds_of(session, campaign, now=now) if phase is Phase.RUNNING else [],
        options=options_of(campaign),
        file_name=campaign.file_name,
        csv_style=campaign.csv_style and CsvStyle.model_validate(campaign.csv_style),
        clip_count=sum(counts.values()),
        counts=dict(counts),
        finished_count=sum(count for state, count in counts.items() if state in TERMINAL),
        clips_per_minute=_pace(session, campaign, now),
        money=money_of(session, campaign),
        failures=_failures(session, campaign, kinds),
        created_at=campaign.created_at,
        approved_at=campaign.approved_at,
        paused_at=campaign.paused_at,
        cancelled_at=campaign.cancelled_at,
    )


def state_counts(session: Session, campaign: Campaign) -> Mapping[RenderState, int]:
    """How many of a campaign's clips are in each state; those in whose place others stand are left out."""
    return by_state(counts_by_kind(session, campaign.id))


def options_of(campaign: Campaign) -> dict[str, Any]:
    """How a campaign is run, in the words of a manifest; what is not set is left out."""
    budget = None
    if campaign.budget_amount is not None:
        budget = {"amount": f"{campaign.budget_amount.normalize():f}", "currency": campaign.budget_currency}
    moments = {name: getattr(campaign, name) for name in ("run_at", "start_by", "finish_by")}
    given = {
        "name": campaign.name,
        "priority": campaign.priority,
        "budget": budget,
        "on_budget": campaign.on_budget.value,
        "max_in_flight": campaign.max_in_flight,
        "on_ambiguous": campaign.on_ambiguous.value,
        "breaker": campaign.breaker,
        **{name: moment.isoformat() for name, moment in moments.items() if moment},
        "canary": campaign.canary_count,
        "variants": campaign.variant_count,
        "output": campaign.output_pattern,
    }
    return {name: value for name, value in given.items() if value is not None}


def _phase(campaign: Campaign, counts: Mapping[RenderState, int], now: datetime) -> tuple[Phase, str | None]:
    if campaign.cancelled_at is not None:
        return Phase.CANCELLED, None
    if not counts:
        return Phase.EMPTY, None
    if all(state in TERMINAL for state in counts):
        return Phase.FINISHED, None
    if campaign.paused_at is not None:
        return Phase.PAUSED, campaign.paused_reason
    if campaign.run_at is not None and campaign.run_at > now:
        return Phase.SCHEDULED, f"nothing is submitted before {campaign.run_at.isoformat(timespec='minutes')}"
    if campaign.budget_exhausted_at is not None:
        left = (campaign.budget_amount or Decimal(0)) - campaign.spent_amount
        rest = f"{left:,.2f} {campaign.budget_currency}, the rest of its budget,"
        return Phase.OUT_OF_BUDGET, f"{rest} cannot pay for the next clip; raise the budget to go on"
    if is_canary_done(campaign, counts):
        clips = counted(campaign.canary_count or 0, "clip")
        done = f"its canary of {clips} has ended; look at the clips, and approve the rest"
        return Phase.AWAITING_APPROVAL, done
    return Phase.RUNNING, None


def is_canary_done(campaign: Campaign, counts: Mapping[RenderState, int]) -> bool:
    """Whether a campaign waits for a person who approves the rest."""
    if campaign.canary_count is None or campaign.approved_at is not None:
        return False
    begun = {state: count for state, count in counts.items() if state not in UNSUBMITTED}
    return sum(begun.values()) >= campaign.canary_count and all(state in TERMINAL for state in begun)


def _pace(session: Session, campaign: Campaign, now: datetime) -> float:
    """Clips that succeeded per minute in which one was at the provider: waiting for people is no pace."""
    since = now - PACE_WINDOW
    mine = RenderJob.campaign_id == campaign.id
    ended = (mine, RenderJob.finished_at > since)
    count = session.scalars(select(func.count()).where(*ended, RenderJob.state == RenderState.SUCCEEDED)).one()
    if not count:
        return 0.0
    begun = RenderJob.submitted_at.is_not(None)
    spans = union_all(
        select(RenderJob.submitted_at.label("begin"), RenderJob.finished_at.label("end")).where(*ended, begun),
        select(RenderJob.submitted_at, literal(now)).where(mine, RenderJob.state.in_(AT_PROVIDER), begun),
    ).subquery()
    span = func.tstzrange(func.greatest(spans.c.begin, since), func.greatest(spans.c.end, spans.c.begin, since))
    busy = func.unnest(select(func.range_agg(span)).scalar_subquery()).table_valued("value").render_derived()
    seconds = func.sum(func.extract("epoch", func.upper(busy.c.value) - func.lower(busy.c.value)))
    minutes = float(session.scalars(select(seconds)).one() or 0) / 60
    return round(count / max(minutes, 1 / 60), 2)


def money_of(session: Session, campaign: Campaign) -> list[CampaignMoney]:
    """What a campaign has spent and holds reserved, by currency."""
    held = (
        select(Slot.currency, func.sum(Slot.reserved_amount))
        .where(Slot.campaign_id == campaign.id)
        .group_by(Slot.currency)
    )
    spent = spent_by_currency(session, campaign.id)
    reserved: dict[str | None, Decimal | None] = dict(session.execute(held).all())
    caps = {campaign.budget_currency: campaign.budget_amount}
    currencies = {currency for currency in (*spent, *reserved, *caps) if currency is not None}
    return [
        CampaignMoney(
            currency=currency,
            spent=spent.get(currency, Decimal(0)),
            reserved=reserved.get(currency) or Decimal(0),
            cap=caps.get(currency),
        )
        for currency in sorted(currencies)
    ]


def _failures(session: Session, campaign: Campaign, counts: Mapping[Kind, int]) -> list[FailureGroup]:
    ended = [(kind, count) for kind, count in counts.items() if kind.state in WITHOUT_VIDEO]
    ended.sort(key=lambda one: (-one[1], one[0].state, *map(_nulls_last, (one[0].failure_class, one[0].failure_code))))
    return [_failure_group(session, campaign, kind, count) for kind, count in ended[:FAILURE_GROUPS_MAX]]


def _nulls_last(value: str | None) -> tuple[bool, str]:
    return value is None, value or ""


def _failure_group(session: Session, campaign: Campaign, kind: Kind, count: int) -> FailureGroup:
    # Null by its own question: `IS NOT DISTINCT FROM` cannot use the index.
    code = RenderJob.failure_code
    latest = (
        select(RenderJob.custom_id, RenderJob.failure_message)
        .where(
            RenderJob.campaign_id == campaign.id,
            RenderJob.state == kind.state,
            RenderJob.state != RenderState.SUCCEEDED,
            RenderJob.superseded_at.is_(None),
            RenderJob.finished_at.is_not(None),
            code.is_(None) if kind.failure_code is None else code == kind.failure_code,
            RenderJob.failure_class.is_not_distinct_from(kind.failure_class),
        )
        .order_by(RenderJob.finished_at.desc())
        .limit(1)
    )
    custom_id, message = session.execute(latest).first() or (None, None)
    return FailureGroup(
        state=kind.state,
        failure_class=kind.failure_class,
        code=kind.failure_code,
        count=count,
        custom_id=custom_id,
        message=message,
    )
