"""What was spent, added up by day as it is entered, so that a cap need not add up the ledger at each dispatch.

A trigger of the ledger writes it, whichever code enters a payment.
"""

from __future__ import annotations

from datetime import date
from decimal import Decimal
from uuid import UUID

from sqlalchemy import ForeignKey, Index
from sqlalchemy.orm import Mapped, mapped_column

from models.base import Base


class DailySpending(Base):
    """Settled and written off on one day of UTC; the audit compares it with the ledger.

    What is taken back is of the day on which it was written off: on its own it would let a later day or month exceed
    its caps by as much.
    """

    __tablename__ = "daily_spending"
    __table_args__ = (
        Index("ix_daily_spending_tenant_id", "tenant_id"),
        Index("ix_daily_spending_account_id", "account_id"),
        {"comment": "The ledger's payments by day, tenant, account and currency"},
    )

    day: Mapped[date] = mapped_column(primary_key=True, comment="Of UTC, on which it was entered")
    tenant_id: Mapped[UUID] = mapped_column(ForeignKey("tenants.id"), primary_key=True, comment="Whose money")
    account_id: Mapped[UUID] = mapped_column(
        ForeignKey("accounts.id"), primary_key=True, comment="At which provider account"
    )
    currency: Mapped[str] = mapped_column(primary_key=True, comment="ISO 4217 code")
    amount: Mapped[Decimal] = mapped_column(comment="Below 0 where more was taken back than spent")
