"""A text lane: the pace of one account's calls to one language model.

It lives in the database, so it holds across all workers on all hosts, and after the broker has forgotten everything.
"""

from __future__ import annotations

from datetime import datetime
from uuid import UUID

from sqlalchemy import ForeignKey
from sqlalchemy.orm import Mapped, mapped_column

from models.base import Base


class TextLane(Base):
    """One account's way to one language model."""

    __tablename__ = "text_lanes"
    __table_args__ = ({"comment": "Pace of the calls of each account to each language model"},)

    account_id: Mapped[UUID] = mapped_column(ForeignKey("accounts.id"), primary_key=True, comment="Whose")
    model: Mapped[str] = mapped_column(primary_key=True, comment="The provider limits each model by itself")
    free_at: Mapped[datetime | None] = mapped_column(
        comment="No call earlier: requests and tokens so far, at the published pace"
    )
    pace_factor: Mapped[float] = mapped_column(
        default=1.0, comment="Part of the published rate that is used now; halved by a refusal, regained by successes"
    )
    held_until: Mapped[datetime | None] = mapped_column(comment="Nothing is sent until then")
    held_reason: Mapped[str | None] = mapped_column(comment="The refusal that holds it, for operators")
    refusal_count: Mapped[int] = mapped_column(default=0, comment="Calls in a row that were refused or not sent")
    wake_at: Mapped[datetime | None] = mapped_column(
        comment="When the hint comes that goes on; null: none is under way"
    )
