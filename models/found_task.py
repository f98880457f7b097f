"""A listed task that a job under review may have made: what it said, and its file, kept before its URL expires.

Whose it is, is decided later: by then the provider may have forgotten the task and its result.
"""

from __future__ import annotations

from datetime import datetime
from decimal import Decimal
from typing import Any
from uuid import UUID

from sqlalchemy import BigInteger, ForeignKey, Index, UniqueConstraint, text
from sqlalchemy.orm import Mapped, mapped_column

from models.base import Base, new_id


class FoundTask(Base):
    """One task that no job has yet."""

    __tablename__ = "found_tasks"
    __table_args__ = (
        UniqueConstraint("account_id", "provider_task_id"),
        Index(
            "ix_found_tasks_due_fetch",
            "next_fetch_at",
            postgresql_where=text("next_fetch_at IS NOT NULL"),
        ),
        {"comment": "Listed tasks that jobs under review may have made, and their files"},
    )

    id: Mapped[UUID] = mapped_column(primary_key=True, default=new_id, comment="Ours, UUIDv7")
    account_id: Mapped[UUID] = mapped_column(ForeignKey("accounts.id"), comment="Whose list shows it")
    base_url: Mapped[str] = mapped_column(comment="The host that listed it")
    provider_task_id: Mapped[str] = mapped_column(comment="The provider's id")
    model: Mapped[str | None] = mapped_column(comment="The provider's model id; null: the list does not say")
    status: Mapped[str] = mapped_column(comment="The provider's last word, as received")
    code: Mapped[str | None] = mapped_column(comment="Of its failure, as received")
    message: Mapped[str | None] = mapped_column(comment="Of its failure, as received")
    orig_prompt: Mapped[str | None] = mapped_column(comment="The prompt that it echoes")
    actual_prompt: Mapped[str | None] = mapped_column(comment="The prompt as the provider rewrote it")
    usage: Mapped[dict[str, Any] | None] = mapped_column(comment="As received")
    billed_seconds: Mapped[Decimal | None] = mapped_column(comment="What the provider counts, from usage")
    result_url: Mapped[str | None] = mapped_column(comment="Signed, valid for 24 hours")
    made_at: Mapped[datetime | None] = mapped_column(comment="When the provider made it, by its own clock")
    started_at: Mapped[datetime | None] = mapped_column(comment="When it got a slot at the provider")
    ended_at: Mapped[datetime | None] = mapped_column(comment="When it ended at the provider")
    asked_at: Mapped[datetime] = mapped_column(comment="When it said so")
    next_fetch_at: Mapped[datetime | None] = mapped_column(comment="When its file is fetched next; null: never")
    fetch_count: Mapped[int] = mapped_column(default=0, comment="Fetches that were begun")
    path: Mapped[str | None] = mapped_column(comment="Of its file in the archive; null: it is not kept")
    size_bytes: Mapped[int | None] = mapped_column(BigInteger, comment="Of the file")
    sha256: Mapped[str | None] = mapped_column(comment="Hex SHA-256 of the file")
