"""A campaign's budget: setting it, and what is left of it."""

from __future__ import annotations

from dataclasses import dataclass
from decimal import Decimal
from uuid import UUID

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from models.campaign import Campaign
from models.ledger_entry import SPENT_KINDS, LedgerEntry
from models.slot import Slot
from models.text_attempt import TextAttempt
from models.text_job import TextJob
from reelqueue.errors import ReelqueueError
from reelqueue.schemas.statement import money_text
from reelqueue.states import OPEN_TEXT_ATTEMPT


class BudgetBelowCommitmentsError(ReelqueueError):
    """A budget was asked for that is smaller than what is spent and reserved already."""

    def __init__(self, name: str, wanted: Decimal, committed: Decimal, currency: str) -> None:
        super().__init__(name, wanted, committed, currency)
        self.name = name
        self.wanted = wanted
        self.committed = committed
        self.currency = currency

    def __str__(self) -> str:
        committed = money_text(self.committed)
        return (
            f"campaign {self.name!r}: {committed} {self.currency} are spent or reserved already, so its budget cannot "
            f"be {money_text(self.wanted)}; pause it and wait for what is reserved, or choose {committed} or more"
        )


@dataclass(frozen=True)
class Budget:
    """A most that may be spent."""

    amount: Decimal
    currency: str
    """ISO 4217 code."""


def set_budget(session: Session, campaign_id: UUID, budget: Budget | None) -> None:
    """Give a campaign a budget, change it, or take it away.

    Args:
        session: In a transaction; the caller commits, then sends a dispatch hint.
        campaign_id: The campaign.
        budget: None: no limit.

    Raises:
        BudgetBelowCommitmentsError: More than that is spent and reserved already.
    """
    # Locked: nothing is reserved or spent while the sums are taken.
    campaign = session.get_one(Campaign, campaign_id, with_for_update={"key_share": True}, populate_existing=True)
    campaign.budget_amount = budget.amount if budget else None
    campaign.budget_currency = budget.currency if budget else None
    campaign.budget_exhausted_at = None
    campaign.spent_amount = spent_amount(session, campaign_id, budget.currency) if budget else Decimal(0)
    if budget is not None:
        committed = campaign.spent_amount + reserved_amount(session, campaign_id, budget.currency)
        if committed > budget.amount:
            raise BudgetBelowCommitmentsError(campaign.name, budget.amount, committed, budget.currency)


def spent_amount(session: Session, campaign_id: UUID, currency: str) -> Decimal:
    """What the ledger says a campaign has spent in a currency, written off included."""
    spent = select(func.sum(LedgerEntry.amount)).where(
        LedgerEntry.campaign_id == campaign_id, LedgerEntry.kind.in_(SPENT_KINDS), LedgerEntry.currency == currency
    )
    return session.scalars(spent).one() or Decimal(0)


def reserved_amount(session: Session, campaign_id: UUID, currency: str) -> Decimal:
    """What a campaign's jobs at the provider hold reserved in a currency: slots, and open calls to language models."""
    held = select(func.sum(Slot.reserved_amount)).where(Slot.campaign_id == campaign_id, Slot.currency == currency)
    asking = (
        select(func.sum(TextAttempt.reserved_amount))
        .join(TextJob, TextJob.id == TextAttempt.job_id)
        .where(
            TextAttempt.state.in_(OPEN_TEXT_ATTEMPT),
            TextAttempt.currency == currency,
            TextJob.campaign_id == campaign_id,
        )
    )
    return (session.scalars(held).one() or Decimal(0)) + (session.scalars(asking).one() or Decimal(0))
