"""A row of a campaign that sends what another row sends: one video, rendered and paid for once, under two ids.

A twin has no job of its own. It shares the one that stands for its content, whatever becomes of that: rendered
again, it is still the same content. When the other row is changed, the twin takes the job over.
"""

from __future__ import annotations

from typing import Any
from uuid import UUID

from sqlalchemy import ForeignKey, Index
from sqlalchemy.orm import Mapped, mapped_column

from models.base import Base


class ClipTwin(Base):
    """One id of a campaign beside that of the job that it shares."""

    __tablename__ = "clip_twins"
    __table_args__ = (
        Index("ix_clip_twins_content_sha256", "campaign_id", "content_sha256"),
        {"comment": "Rows of campaigns that share the clip of another row, because they send the same"},
    )

    campaign_id: Mapped[UUID] = mapped_column(ForeignKey("campaigns.id"), primary_key=True, comment="Its campaign")
    custom_id: Mapped[str] = mapped_column(primary_key=True, comment="The producer's name for the row")
    content_sha256: Mapped[str] = mapped_column(comment="Hex SHA-256 of what both send")
    output_path: Mapped[str] = mapped_column(comment="Relative path of the row's file for its owner")
    clip_variant: Mapped[int] = mapped_column(comment="Number among the variants of its row, from 1")
    clip_variables: Mapped[dict[str, Any] | None] = mapped_column(comment="What its row gave to templates, flat")
    clip_line: Mapped[int | None] = mapped_column(comment="Line of the campaign file where its row began")
