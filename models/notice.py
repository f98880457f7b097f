"""A notice: one thing that happened to a campaign or to the server, which receivers get once.

The rows of campaigns, accounts and caps say what is so; the row here says that it was reported. Whoever looks later
finds the same key, so each occurrence is one row, however often it is looked for and whatever died meanwhile.
"""

from __future__ import annotations

from datetime import datetime
from enum import StrEnum
from typing import Any, Final
from uuid import UUID

from sqlalchemy import ForeignKey, Index, text
from sqlalchemy.orm import Mapped, mapped_column

from models.base import Base, new_id
from reelqueue.webhooks import CampaignEvent


class OperatorEvent(StrEnum):
    """What operators are notified of."""

    ACCOUNT_PAUSED = "account.paused"
    """Nothing more is submitted with a provider account."""
    ORPHANS_FOUND = "account.orphans_found"
    """The provider lists tasks that belong to no job here."""
    ARCHIVE_IN_TROUBLE = "archive.in_trouble"
    """The archive takes no file, or a result that waits for it is gone soon."""
    CAP_REACHED = "cap.reached"
    """50, 80 or 100 % of a spending cap are spent and reserved, or a job waits for it."""


LASTING: Final = (CampaignEvent.NEEDS_REVIEW, OperatorEvent.ARCHIVE_IN_TROUBLE)
"""Conditions that begin and end: one is reported again after it was over."""


class Notice(Base):
    """One occurrence."""

    __tablename__ = "notices"
    __table_args__ = (
        Index(
            "uq_notices_occurrence", "kind", "subject", "marker", unique=True, postgresql_where=text("ended_at IS NULL")
        ),
        Index("ix_notices_campaign_id", "campaign_id"),
        {"comment": "What happened to campaigns and to the server, each occurrence once"},
    )

    id: Mapped[UUID] = mapped_column(primary_key=True, default=new_id, comment="Ours, UUIDv7")
    kind: Mapped[str] = mapped_column(comment="Such as campaign.finished or account.paused")
    subject: Mapped[str] = mapped_column(comment="Id of the campaign, account or cap that it is about, or a word")
    marker: Mapped[str] = mapped_column(comment="What tells occurrences of one subject apart, such as paused_at")
    campaign_id: Mapped[UUID | None] = mapped_column(
        ForeignKey("campaigns.id"), comment="Null: it is about the server, and for its operators only"
    )
    facts: Mapped[dict[str, Any]] = mapped_column(comment="Names and numbers as they were then; never a prompt")
    occurred_at: Mapped[datetime] = mapped_column(comment="When it happened, as far as the rows say")
    ended_at: Mapped[datetime | None] = mapped_column(comment="When a lasting condition was over; null: it is not")
