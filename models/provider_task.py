"""Every task id that a provider ever gave us.

Base URL and account stand here because a poll must go where the submit went: the same id on another
host is UNKNOWN, which reads like an expired task.
"""

from __future__ import annotations

from datetime import datetime
from decimal import Decimal
from typing import Any
from uuid import UUID

from sqlalchemy import ForeignKey, Index, UniqueConstraint
from sqlalchemy.orm import Mapped, mapped_column

from models.base import Base, new_id


class ProviderTask(Base):
    """One task at the provider, and what it answered last."""

    __tablename__ = "provider_tasks"
    __table_args__ = (
        UniqueConstraint("account_id", "provider_task_id"),
        Index("ix_provider_tasks_job_id", "job_id"),
        Index("ix_provider_tasks_attempt_id", "attempt_id"),
        {"comment": "Every provider task id ever seen, with the host and account that it lives at"},
    )

    id: Mapped[UUID] = mapped_column(primary_key=True, default=new_id, comment="Ours, UUIDv7")
    job_id: Mapped[UUID] = mapped_column(ForeignKey("render_jobs.id"), comment="The job it renders")
    attempt_id: Mapped[UUID] = mapped_column(ForeignKey("attempts.id"), comment="The POST that made it")
    account_id: Mapped[UUID] = mapped_column(ForeignKey("accounts.id"), comment="Where it lives")
    base_url: Mapped[str] = mapped_column(comment="The host that the submit went to")
    provider_task_id: Mapped[str] = mapped_column(comment="The provider's id")
    request_id: Mapped[str | None] = mapped_column(comment="The provider's, of the submit")
    status: Mapped[str] = mapped_column(comment="The provider's last word, as received")
    submitted_at: Mapped[datetime] = mapped_column(comment="When we read the acceptance")
    made_at: Mapped[datetime | None] = mapped_column(
        comment="When the provider made it, by its own clock; null: it has not said"
    )
    price_per_second: Mapped[Decimal | None] = mapped_column(comment="At admission; null: no price is known")
    currency: Mapped[str | None] = mapped_column(comment="ISO 4217 code; null: no price is known")
    started_at: Mapped[datetime | None] = mapped_column(comment="When it got a slot at the provider")
    ended_at: Mapped[datetime | None] = mapped_column(comment="When it ended at the provider")
    result_url: Mapped[str | None] = mapped_column(comment="Signed, valid for 24 hours")
    result_expires_at: Mapped[datetime | None] = mapped_column(comment="After this the result is gone")
    actual_prompt: Mapped[str | None] = mapped_column(comment="The prompt as the provider rewrote it")
    usage_until: Mapped[datetime | None] = mapped_column(
        comment="So long a success that tells no usage is asked for it; null: none has come without"
    )
    usage: Mapped[dict[str, Any] | None] = mapped_column(comment="As received")
    billed_seconds: Mapped[Decimal | None] = mapped_column(comment="What the provider counts, from usage")
