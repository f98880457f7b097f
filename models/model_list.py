"""The last reading of an account's list of models: when it was read, and what of it could not be followed."""

from __future__ import annotations

from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import ForeignKey
from sqlalchemy.orm import Mapped, mapped_column

from models.base import Base


class ModelList(Base):
    """One account's list; the prices themselves are in `model_prices`."""

    __tablename__ = "model_lists"
    __table_args__ = ({"comment": "The last reading of each account's list of models"},)

    account_id: Mapped[UUID] = mapped_column(ForeignKey("accounts.id"), primary_key=True, comment="Whose")
    asked_at: Mapped[datetime] = mapped_column(comment="When it was last asked for")
    read_at: Mapped[datetime | None] = mapped_column(comment="When it was last read whole")
    problem: Mapped[str | None] = mapped_column(comment="Why it was not read the last time; null: it was")
    unread: Mapped[dict[str, Any]] = mapped_column(
        default=dict, comment="Why the prices of a model were not followed, by model id"
    )
    missing: Mapped[dict[str, Any]] = mapped_column(
        default=dict, comment="How many whole readings in a row have lacked a model that was listed before"
    )
