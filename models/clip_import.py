"""An import of a campaign file: its clips are staged batch by batch, and put in force by one transaction at its end.

So a file is stored as a whole or not at all: a client that dies on the way leaves staged rows, which are never
rendered.
"""

from __future__ import annotations

from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import BigInteger, ForeignKey, Index, Text, func, text
from sqlalchemy.dialects.postgresql import ARRAY
from sqlalchemy.orm import Mapped, mapped_column

from models.base import Base, new_id


class ClipImport(Base):
    """One import, from its first batch to its commit."""

    __tablename__ = "clip_imports"
    __table_args__ = (
        Index("ix_clip_imports_tenant_id", "tenant_id", "campaign_name"),
        Index("ix_clip_imports_created_at", "created_at"),
        Index("ix_clip_imports_open", "created_at", postgresql_where=text("committed_at IS NULL")),
        {"comment": "Imports of campaign files; what they stage is in force once they are committed"},
    )

    id: Mapped[UUID] = mapped_column(primary_key=True, default=new_id, comment="Ours, UUIDv7")
    tenant_id: Mapped[UUID] = mapped_column(ForeignKey("tenants.id"), comment="Its owner")
    campaign_name: Mapped[str] = mapped_column(comment="Of a campaign that may be made by the commit")
    options: Mapped[dict[str, Any] | None] = mapped_column(
        comment="How the campaign is run from the commit on; null: as before"
    )
    file_name: Mapped[str | None] = mapped_column(comment="The file that it is read from, for people")
    created_at: Mapped[datetime] = mapped_column(server_default=func.now(), comment="When it was begun")
    staged_bytes: Mapped[int] = mapped_column(
        BigInteger, default=0, server_default="0", comment="What its batches take in the database, until its commit"
    )
    variable_names: Mapped[list[str] | None] = mapped_column(
        ARRAY(Text), comment="Of the variables of its rows, in the file's order"
    )
    committed_at: Mapped[datetime | None] = mapped_column(comment="Since when its clips are in force")
    outcome: Mapped[dict[str, Any] | None] = mapped_column(comment="What became of its clips, to be told again")
