"""The books of one dispatch: what is held now, in slots and in money."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from decimal import Decimal
from uuid import UUID

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from models.campaign import Campaign
from models.slot import Slot


@dataclass
class Books:
    """What is held now: slots by account, model and campaign, and money by campaign."""

    campaigns: dict[UUID, Campaign]
    """Those with waiting jobs; locked where they have a budget."""
    by_lane: Counter[tuple[UUID, str]] = field(default_factory=Counter)
    by_campaign: Counter[UUID] = field(default_factory=Counter)
    by_campaign_and_model: Counter[tuple[UUID, str]] = field(default_factory=Counter)
    by_tenant_and_model: Counter[tuple[UUID, str]] = field(default_factory=Counter)
    reserved: dict[tuple[UUID, str], Decimal] = field(default_factory=dict)
    """By campaign and currency."""

    @classmethod
    def open(cls, session: Session, campaigns: dict[UUID, Campaign]) -> Books:
        """Read all slots; after the locks on accounts and campaigns were taken."""
        books = cls(campaigns)
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
            books.add(account_id, model, campaign_id, tenant_id, count=count)
            books.reserve(campaign_id, currency, reserved or Decimal(0))
        return books

    def add(self, account_id: UUID, model: str, campaign_id: UUID, tenant_id: UUID, *, count: int = 1) -> None:
        """Count slots."""
        self.by_lane[account_id, model] += count
        self.by_campaign[campaign_id] += count
        self.by_campaign_and_model[campaign_id, model] += count
        self.by_tenant_and_model[tenant_id, model] += count

    def reserve(self, campaign_id: UUID, currency: str | None, amount: Decimal) -> None:
        """Count money."""
        if currency is not None:
            self.reserved[campaign_id, currency] = self.reserved.get((campaign_id, currency), Decimal(0)) + amount

    def held_by_tenant(self, model: str) -> Counter[UUID]:
        """Slots of a model that each tenant holds."""
        held = self.by_tenant_and_model.items()
        return Counter({tenant_id: count for (tenant_id, of_model), count in held if of_model == model})

    def left(self, campaign: Campaign) -> Decimal | None:
        """What a campaign may still reserve; None: any amount."""
        if campaign.budget_amount is None or campaign.budget_currency is None:
            return None
        reserved = self.reserved.get((campaign.id, campaign.budget_currency), Decimal(0))
        return campaign.budget_amount - campaign.spent_amount - reserved
