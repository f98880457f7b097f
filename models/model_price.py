"""What a second of a model's video costs, and until when the model is offered: one row each time that it changes.

Rows are never changed. So what counted on any day can be read later, and what a job was submitted under is what it is
settled by. The first that counts is an operator's; see `models.operations.money.prices`.
"""

from __future__ import annotations

from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import CheckConstraint, ForeignKey, Index
from sqlalchemy.orm import Mapped, mapped_column

from models.base import Base, new_id
from reelqueue.catalog.price_list import PriceSource


class ModelPrice(Base):
    """What one source said of a model from a moment on, until its next row."""

    __tablename__ = "model_prices"
    __table_args__ = (
        Index("ix_model_prices_model_region", "model", "region", "id"),
        Index("ix_model_prices_account_id", "account_id"),
        CheckConstraint("(source = 'provider') = (account_id IS NOT NULL)", name="account_is_the_lists"),
        {"comment": "Prices and ends of models as operators and the provider's lists say them, each with its day"},
    )

    id: Mapped[UUID] = mapped_column(primary_key=True, default=new_id, comment="Ours, UUIDv7")
    source: Mapped[PriceSource] = mapped_column(comment="operator or provider")
    account_id: Mapped[UUID | None] = mapped_column(
        ForeignKey("accounts.id"), comment="Whose list said so; null: an operator"
    )
    region: Mapped[str] = mapped_column(comment="ap-southeast-1 and its like")
    model: Mapped[str] = mapped_column(comment="The provider's model id")
    currency: Mapped[str | None] = mapped_column(comment="ISO 4217 code; null: no price")
    per_second: Mapped[dict[str, Any]] = mapped_column(
        comment="Decimal text by tier; empty: this source has no price any more"
    )
    silent_per_second: Mapped[dict[str, Any] | None] = mapped_column(comment="Without sound, where that is cheaper")
    ends_at: Mapped[datetime | None] = mapped_column(comment="When the provider takes the model away; null: not said")
    origin: Mapped[str] = mapped_column(comment="The file or command of an operator, or the provider's host")
    from_at: Mapped[datetime] = mapped_column(comment="Since when it counts")
