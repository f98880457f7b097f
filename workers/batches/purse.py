"""What budgets and caps leave for the lines of a batch that is gathered."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass, field
from datetime import datetime
from decimal import Decimal
from typing import Self
from uuid import UUID

from sqlalchemy import select
from sqlalchemy.orm import Session

from models.account import Account
from models.base import among
from models.campaign import Campaign
from models.operations.money.budget import reserved_amount
from models.operations.money.caps import Caps, Wanted, describe_cap
from models.operations.texts.batches import BatchLine
from models.spending_cap import SpendingCap
from reelqueue.catalog.price_list import CURRENCY_BY_REGION


@dataclass
class Purse:
    """What some campaigns may spend, counted down line by line."""

    session: Session
    account: Account
    campaigns: dict[UUID, Campaign]
    caps: Caps
    now: datetime
    short: dict[str, list[UUID]] = field(default_factory=dict)
    """Jobs that cannot be paid for now, by why."""
    without_price: list[tuple[UUID, str]] = field(default_factory=list)
    """Jobs that their campaign's budget can never pay for, as no price is known, and why."""
    _left: dict[UUID, Decimal] = field(default_factory=dict)
    _caps_said: dict[UUID, str] = field(default_factory=dict)

    @classmethod
    def open(cls, session: Session, account: Account, campaign_ids: Collection[UUID], now: datetime) -> Self:
        """Lock campaigns by their ids, and the caps after all of them.

        Args:
            session: In a transaction that has locked the jobs.
            account: Where they are sent.
            campaign_ids: Whose jobs they are.
            now: The time.
        """
        mine = select(Campaign).where(among(Campaign.id, campaign_ids)).order_by(Campaign.id)
        # Also those without a budget: one that is being set counts what is reserved, and must not miss these calls.
        locked = session.scalars(mine.with_for_update(key_share=True).execution_options(populate_existing=True))
        return cls(session, account, {one.id: one for one in locked}, Caps.open(session, now), now)

    def pays(self, line: BatchLine, tenant_id: UUID, campaign_id: UUID) -> bool:
        """Reserve what a line may cost; False where that cannot be paid now, with a note of why."""
        campaign = self.campaigns[campaign_id]
        if campaign.paused_at is not None or campaign.cancelled_at is not None:
            return False  # since the job was chosen: nothing is sent after the commit of a stop
        if not self._is_in_budget(line, campaign):
            return False
        most = line.most
        currency = most.currency if most else CURRENCY_BY_REGION.get(self.account.region)
        wanted = Wanted(tenant_id, self.account.id, currency, most.amount if most else None)
        if (cap := self.caps.short(wanted)) is not None:
            self._note(line, f"waits: the cap of {self._said(cap)} has no room for it")
            return False
        self.caps.reserve(wanted)
        if most is not None and campaign.budget_amount is not None:
            self._left[campaign.id] -= most.amount
        return True

    def _is_in_budget(self, line: BatchLine, campaign: Campaign) -> bool:
        if campaign.budget_amount is None or campaign.budget_currency is None:
            return True
        most, currency = line.most, campaign.budget_currency
        if most is None or most.currency != currency:
            message = f"campaign {campaign.name!r} has a budget in {currency}, and no price is known for it"
            self.without_price.append((line.job_id, message))
            return False
        if campaign.id not in self._left:
            reserved = reserved_amount(self.session, campaign.id, currency)
            self._left[campaign.id] = campaign.budget_amount - campaign.spent_amount - reserved
        if most.amount <= self._left[campaign.id]:
            return True
        self._note(line, "waits: what its campaign's budget leaves does not cover it")
        return False

    def _note(self, line: BatchLine, why: str) -> None:
        self.short.setdefault(why, []).append(line.job_id)

    def _said(self, cap: SpendingCap) -> str:
        if cap.id not in self._caps_said:
            self._caps_said[cap.id] = describe_cap(self.session, cap)
        return self._caps_said[cap.id]
