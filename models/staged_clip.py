"""A staged clip of an import that is not committed yet: checked and complete, and never rendered from here."""

from __future__ import annotations

from typing import Any
from uuid import UUID

from sqlalchemy import Index
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.orm import Mapped, mapped_column

from models.base import Base


class StagedClip(Base):
    """One clip of one import."""

    __tablename__ = "staged_clips"
    __table_args__ = (
        Index("ix_staged_clips_custom_id", "import_id", "custom_id"),
        {
            "comment": "Clips of imports that are not in force yet; gone with the commit",
            # Not in the write-ahead log, which would have every clip twice. What a crash of the server takes away
            # is missed at the commit, which knows how many clips there must be.
            "prefixes": ["UNLOGGED"],
        },
    )

    # No foreign key: it would be checked for each of a million rows that stand here for a minute.
    import_id: Mapped[UUID] = mapped_column(primary_key=True, comment="Its import")
    batch: Mapped[int] = mapped_column(primary_key=True, autoincrement=False, comment="From 1; sent again as a whole")
    line: Mapped[int] = mapped_column(primary_key=True, autoincrement=False, comment="Within the batch, from 1")
    job_id: Mapped[UUID] = mapped_column(comment="Of the render job that it becomes, if nothing is there")
    custom_id: Mapped[str] = mapped_column(comment="The producer's name for the clip")
    content_sha256: Mapped[str] = mapped_column(comment="Hex SHA-256 of what it sends")
    after_id: Mapped[str | None] = mapped_column(comment="The custom_id of the clip that must have ended first")
    first_frame: Mapped[str | None] = mapped_column(
        comment="What stood for that clip's last frame when this one was checked; null unless it begins with it"
    )
    job: Mapped[dict[str, Any]] = mapped_column(comment="Columns of the render job, as JSON")
    job_references: Mapped[list[dict[str, Any]] | None] = mapped_column(JSONB, comment="Columns of its references")
