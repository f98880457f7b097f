"""Slots and money in use at the moment of a dispatch."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from datetime import datetime
from decimal import Decimal
from uuid import UUID

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from models.campaign import Campaign
from models.operations.money.caps import Caps
from models.render_job import RenderJob
from models.slot import Slot
from models.text_attempt import TextAttempt
from models.text_job import TextJob
from reelqueue.states import OPEN_TEXT_ATTEMPT, UNSUBMITTED, RenderState

_BEGUN = tuple(sorted(set(RenderState) - set(UNSUBMITTED)))
"""States of the clips of a canary; at most as many as it has, so that they are quickly counted."""


@dataclass
class Usage:
    """Usage now: slots by account, model and campaign, and money by campaign."""

    campaigns: dict[UUID, Campaign]
    """Those with waiting jobs that may admit some."""
    caps: Caps
    """Above them."""
    by_lane: Counter[tuple[UUID, str]] = field(default_factory=Counter)
    by_campaign: Counter[UUID] = field(default_factory=Counter)
    by_campaign_and_model: Counter[tuple[UUID, str]] = field(default_factory=Counter)
    by_tenant_and_model: Counter[tuple[UUID, str]] = field(default_factory=Counter)
    reserved: dict[tuple[UUID, str], Decimal] = field(default_factory=dict)
    """By campaign and currency."""
    admitted: set[UUID] = field(default_factory=set)
    """Jobs that have got slots since: they do not wait any more, also where that is not written down."""
    served_at: dict[UUID, datetime] = field(default_factory=dict)
    """When campaigns and tenants have got slots since."""
    canaries: dict[UUID, int] = field(default_factory=dict)
    """How many more clips a campaign may begin before a person approves the rest."""
    canary_clips: dict[UUID, list[str]] = field(default_factory=dict)
    """Ids of the clips that are chosen for a canary, by campaign; only they may begin."""

    @classmethod
    def read(cls, session: Session, campaigns: dict[UUID, Campaign], caps: Caps) -> Usage:
        """Read all slots and open calls to language models.

        Args:
            session: In a transaction; one that admits has locked accounts and campaigns before.
            campaigns: Those that may admit jobs.
            caps: The caps above them, read in the same transaction.
        """
        usage = cls(campaigns, caps)
        held = (
            select(
                Slot.account_id,
                Slot.model,
                Slot.campaign_id,
                Campaign.tenant_id,
                Slot.currency,
                func.count(),
                func.sum(Slot.reserved_amount),
            )
            .join(Campaign, Campaign.id == Slot.campaign_id)
            .group_by(Slot.account_id, Slot.model, Slot.campaign_id, Campaign.tenant_id, Slot.currency)
        )
        for account_id, model, campaign_id, tenant_id, currency, count, reserved in session.execute(held):
            usage.add(account_id, model, campaign_id, tenant_id, count=count)
            usage.reserve(campaign_id, currency, reserved or Decimal(0))
        asking = (
            select(TextJob.campaign_id, TextAttempt.currency, func.sum(TextAttempt.reserved_amount))
            .join(TextJob, TextJob.id == TextAttempt.job_id)
            .where(TextAttempt.state.in_(OPEN_TEXT_ATTEMPT))
            .group_by(TextJob.campaign_id, TextAttempt.currency)
        )
        for campaign_id, currency, reserved in session.execute(asking):
            usage.reserve(campaign_id, currency, reserved or Decimal(0))
        usage.canaries = _canaries(session, campaigns)
        return usage

    def add(self, account_id: UUID, model: str, campaign_id: UUID, tenant_id: UUID, *, count: int = 1) -> None:
        """Count slots."""
        self.by_lane[account_id, model] += count
        self.by_campaign[campaign_id] += count
        self.by_campaign_and_model[campaign_id, model] += count
        self.by_tenant_and_model[tenant_id, model] += count
        if campaign_id in self.canaries:
            self.canaries[campaign_id] -= count

    def reserve(self, campaign_id: UUID, currency: str | None, amount: Decimal) -> None:
        """Count money."""
        if currency is not None:
            self.reserved[campaign_id, currency] = self.reserved.get((campaign_id, currency), Decimal(0)) + amount

    def copy(self) -> Usage:
        """As it is now, to go on from in another way."""
        return Usage(
            campaigns=self.campaigns,
            caps=self.caps.copy(),
            by_lane=self.by_lane.copy(),
            by_campaign=self.by_campaign.copy(),
            by_campaign_and_model=self.by_campaign_and_model.copy(),
            by_tenant_and_model=self.by_tenant_and_model.copy(),
            reserved=self.reserved.copy(),
            admitted=self.admitted.copy(),
            served_at=self.served_at.copy(),
            canaries=self.canaries.copy(),
            canary_clips=self.canary_clips,
        )

    def held_by_tenant(self, model: str) -> Counter[UUID]:
        """Slots of a model that each tenant holds."""
        held = self.by_tenant_and_model.items()
        return Counter({tenant_id: count for (tenant_id, of_model), count in held if of_model == model})

    def room(self, campaign: Campaign) -> int | None:
        """How many more jobs a campaign allows at the provider now; None: any number."""
        limit = campaign.max_in_flight
        rooms = [self.canaries.get(campaign.id), None if limit is None else limit - self.by_campaign[campaign.id]]
        return min((room for room in rooms if room is not None), default=None)

    def left(self, campaign: Campaign) -> Decimal | None:
        """What a campaign may still reserve; None: any amount."""
        if campaign.budget_amount is None or campaign.budget_currency is None:
            return None
        reserved = self.reserved.get((campaign.id, campaign.budget_currency), Decimal(0))
        return campaign.budget_amount - campaign.spent_amount - reserved


def _canaries(session: Session, campaigns: dict[UUID, Campaign]) -> dict[UUID, int]:
    unapproved = {one.id: one.canary_count for one in campaigns.values() if one.canary_count and not one.approved_at}
    begun = (
        select(RenderJob.campaign_id, func.count())
        .where(RenderJob.campaign_id.in_(unapproved), RenderJob.state.in_(_BEGUN), RenderJob.superseded_at.is_(None))
        .group_by(RenderJob.campaign_id)
    )
    counts = dict(session.execute(begun).all()) if unapproved else {}
    return {campaign_id: count - counts.get(campaign_id, 0) for campaign_id, count in unapproved.items()}
