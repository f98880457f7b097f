"""A hard cap above campaigns: the most that a tenant, an account or both may spend in a day or a month."""

from __future__ import annotations

from datetime import date, datetime
from decimal import Decimal
from enum import StrEnum
from uuid import UUID

from sqlalchemy import CheckConstraint, ForeignKey, Index, func
from sqlalchemy.orm import Mapped, mapped_column

from models.base import Base, new_id


class CapPeriod(StrEnum):
    """What a cap is for; days and months are those of UTC."""

    DAY = "day"
    MONTH = "month"

    def first_day(self, day: date) -> date:
        """The first day of the period that a day is in."""
        return day if self is CapPeriod.DAY else day.replace(day=1)


class SpendingCap(Base):
    """One cap. A job is admitted only where every cap that covers it has room for the most that it may cost."""

    __tablename__ = "spending_caps"
    __table_args__ = (
        Index(
            "uq_spending_caps_scope",
            "tenant_id",
            "account_id",
            "period",
            "currency",
            unique=True,
            postgresql_nulls_not_distinct=True,
        ),
        Index("ix_spending_caps_account_id", "account_id"),
        CheckConstraint("amount >= 0", name="amount_is_not_negative"),
        {"comment": "Hard caps on spending above campaigns, by tenant, account, day and month"},
    )

    id: Mapped[UUID] = mapped_column(primary_key=True, default=new_id, comment="Ours, UUIDv7")
    tenant_id: Mapped[UUID | None] = mapped_column(
        ForeignKey("tenants.id"), comment="Whose jobs; null: those of every tenant together"
    )
    account_id: Mapped[UUID | None] = mapped_column(
        ForeignKey("accounts.id"), comment="At which provider account; null: at all of them together"
    )
    period: Mapped[CapPeriod] = mapped_column(comment="day or month, of UTC")
    amount: Mapped[Decimal] = mapped_column(comment="Most that may be spent and reserved in a period")
    currency: Mapped[str] = mapped_column(
        comment="ISO 4217 code; nothing is converted, other currencies are not capped"
    )
    exhausted_at: Mapped[datetime | None] = mapped_column(
        comment="Since when a job waits because it has no room; an earlier period's counts no more"
    )
    reported_percent: Mapped[int] = mapped_column(
        default=0, comment="The highest threshold that was reported in the period of reported_day"
    )
    reported_day: Mapped[date | None] = mapped_column(comment="First day of the period that it is about")
    created_at: Mapped[datetime] = mapped_column(server_default=func.now(), comment="When the row was made")
