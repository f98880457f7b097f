"""A lease on the provider's concurrency and on a campaign's money: which job holds what.

Slots are counted here and not in the broker, because the broker is allowed to forget. The reservation has
the life of the slot: as long as a task may run at the provider, it may cost.
"""

from __future__ import annotations

from datetime import datetime
from decimal import Decimal
from uuid import UUID

from sqlalchemy import ForeignKey, Index
from sqlalchemy.orm import Mapped, mapped_column

from models.base import Base


class Slot(Base):
    """One leased slot; gone when the provider's task has ended."""

    __tablename__ = "slots"
    __table_args__ = (
        Index("ix_slots_account_id_model", "account_id", "model"),
        Index("ix_slots_campaign_id", "campaign_id"),
        {"comment": "Leases on the provider's concurrency and on money, one per job at the provider"},
    )

    job_id: Mapped[UUID] = mapped_column(ForeignKey("render_jobs.id"), primary_key=True, comment="The holder")
    account_id: Mapped[UUID] = mapped_column(ForeignKey("accounts.id"), comment="Whose slot")
    model: Mapped[str] = mapped_column(comment="Slots are counted per model")
    campaign_id: Mapped[UUID] = mapped_column(ForeignKey("campaigns.id"), comment="Whose share, and whose money")
    reserved_amount: Mapped[Decimal | None] = mapped_column(comment="The most it may cost; null: no price is known")
    price_per_second: Mapped[Decimal | None] = mapped_column(comment="At admission; null: no price is known")
    currency: Mapped[str | None] = mapped_column(comment="ISO 4217 code; null: no price is known")
    submit_at: Mapped[datetime] = mapped_column(comment="When its submit is due: the pace of its account and model")
    leased_at: Mapped[datetime] = mapped_column(comment="When it was admitted")
