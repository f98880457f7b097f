"""What a campaign has spent, kept by a trigger of the ledger, so that no status adds up a million entries."""

from __future__ import annotations

from decimal import Decimal
from uuid import UUID

from sqlalchemy import BigInteger, Identity, Index, false, text
from sqlalchemy.orm import Mapped, mapped_column

from models.base import Base


class CampaignSpending(Base):
    """An amount that was settled or written off, or the sum of many; appended and folded as `CampaignCount` is."""

    __tablename__ = "campaign_spending"
    __table_args__ = (
        Index("ix_campaign_spending_campaign_id", "campaign_id"),
        Index("ix_campaign_spending_unfolded", "id", postgresql_where=text("NOT is_folded")),
        {"comment": "The ledger's payments by campaign and currency; their sums are what campaigns have spent"},
    )

    id: Mapped[int] = mapped_column(BigInteger, Identity(), primary_key=True, comment="In order of writing")
    campaign_id: Mapped[UUID] = mapped_column(comment="Whose money")
    currency: Mapped[str] = mapped_column(comment="ISO 4217 code")
    amount: Mapped[Decimal] = mapped_column(comment="Below 0 where a write-off is taken back")
    is_folded: Mapped[bool] = mapped_column(
        server_default=false(), comment="Whether it is the sum of earlier rows, and no single payment"
    )
