"""A lease on the provider's concurrency: which job holds one of an account's slots for a model.

Slots are counted here and not in the broker, because the broker is allowed to forget.
"""

from __future__ import annotations

from datetime import datetime
from uuid import UUID

from sqlalchemy import ForeignKey, Index
from sqlalchemy.orm import Mapped, mapped_column

from models.base import Base


class Slot(Base):
    """One leased slot; gone when the provider's task has ended."""

    __tablename__ = "slots"
    __table_args__ = (
        Index("ix_slots_account_id_model", "account_id", "model"),
        {"comment": "Leases on the provider's concurrency, one per job at the provider"},
    )

    job_id: Mapped[UUID] = mapped_column(ForeignKey("render_jobs.id"), primary_key=True, comment="The holder")
    account_id: Mapped[UUID] = mapped_column(ForeignKey("accounts.id"), comment="Whose slot")
    model: Mapped[str] = mapped_column(comment="Slots are counted per model")
    submit_at: Mapped[datetime] = mapped_column(comment="When its submit is due: the pace of its account and model")
    leased_at: Mapped[datetime] = mapped_column(comment="When it was admitted")
