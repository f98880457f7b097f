"""The poll chain of an account: which hint is valid, and who is polling now.

Each account has one chain of ``render.poll`` messages. ``seq`` names the one valid message, so a
doubled, late or replaced one does nothing; the lease keeps two workers from polling at once, which
also makes the chain the account's query limiter.
"""

from __future__ import annotations

from datetime import datetime
from uuid import UUID

from sqlalchemy import BigInteger, ForeignKey
from sqlalchemy.orm import Mapped, mapped_column

from models.base import Base


class PollLane(Base):
    """One account's poll chain."""

    __tablename__ = "poll_lanes"
    __table_args__ = ({"comment": "The poll chain of each account: valid message, wake-up and lease"},)

    account_id: Mapped[UUID] = mapped_column(ForeignKey("accounts.id"), primary_key=True, comment="Whose chain")
    seq: Mapped[int] = mapped_column(BigInteger, default=0, comment="Number of the one valid message")
    wake_at: Mapped[datetime | None] = mapped_column(comment="When that message is due; null: none is under way")
    lease_until: Mapped[datetime | None] = mapped_column(comment="Until when a batch is believed to run")
