"""A submit lane: the pace of one account's submits for one model, and who is posting now.

It lives in the database, so it holds across all workers on all hosts, and after the broker has forgotten
everything. A refusal for going too fast slows the lane, not the job that happened to meet it.
"""

from __future__ import annotations

from datetime import datetime
from uuid import UUID

from sqlalchemy import ForeignKey
from sqlalchemy.orm import Mapped, mapped_column

from models.base import Base


class SubmitLane(Base):
    """One account's way in for one model."""

    __tablename__ = "submit_lanes"
    __table_args__ = ({"comment": "Pace and turn of the submits of each account and model"},)

    account_id: Mapped[UUID] = mapped_column(ForeignKey("accounts.id"), primary_key=True, comment="Whose")
    model: Mapped[str] = mapped_column(primary_key=True, comment="The provider limits each model by itself")
    next_submit_at: Mapped[datetime | None] = mapped_column(comment="No submit earlier: the lane's pace")
    pace_factor: Mapped[float] = mapped_column(
        default=1.0, comment="Part of the published rate that is used now; halved by a refusal, regained by successes"
    )
    throttled_until: Mapped[datetime | None] = mapped_column(comment="Nothing is sent until then")
    throttle_count: Mapped[int] = mapped_column(default=0, comment="Refusals in a row for going too fast")
    posting_attempt_id: Mapped[UUID | None] = mapped_column(comment="The one attempt whose POST may be under way")
    posting_until: Mapped[datetime | None] = mapped_column(comment="After this the poster is believed dead")
