"""How far an account's provider is from the database in time: what a list proves hangs on it.

A table of its own and not columns of the account, whose row dispatchers lock.
"""

from __future__ import annotations

from datetime import datetime
from uuid import UUID

from sqlalchemy import ForeignKey
from sqlalchemy.orm import Mapped, mapped_column

from models.base import Base


class AccountClock(Base):
    """The newest comparison of one account's clock with the database's."""

    __tablename__ = "account_clocks"
    __table_args__ = ({"comment": "The provider's clock against the database's, as last measured"},)

    account_id: Mapped[UUID] = mapped_column(ForeignKey("accounts.id"), primary_key=True, comment="Whose")
    offset_seconds: Mapped[float] = mapped_column(comment="The provider's minus the database's")
    uncertainty_seconds: Mapped[float] = mapped_column(comment="Half the width of the measurement")
    measured_at: Mapped[datetime] = mapped_column(comment="When, by the database's clock")
