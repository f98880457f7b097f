"""The ledger: every reservation, release and payment, appended and never changed.

An entry is about a render job, or about an attempt of a text job. A trigger refuses to change or delete one. What a
render job holds reserved is also in its slot, so that admission need not add up history; the audit compares the two.
What a text job holds reserved is in its open attempt, and has no entry.
"""

from __future__ import annotations

from datetime import datetime
from decimal import Decimal
from enum import StrEnum
from typing import Final
from uuid import UUID

from sqlalchemy import BigInteger, CheckConstraint, ForeignKey, Identity, Index, text
from sqlalchemy.orm import Mapped, mapped_column

from models.base import Base


class EntryKind(StrEnum):
    """What an entry says."""

    RESERVE = "reserve"
    """Held for a job from its admission on: the most that it may cost."""
    RELEASE = "release"
    """Held no longer; its amount is negative."""
    SETTLE = "settle"
    """The provider billed a task, or a call to a language model: once each."""
    WRITE_OFF = "write_off"
    """Given up without an answer, and counted as spent, since the provider may have billed it."""


SPENT_KINDS: Final = (EntryKind.SETTLE, EntryKind.WRITE_OFF)
"""Kinds of money that is gone, or must be taken for gone."""


class LedgerEntry(Base):
    """One fact about money."""

    __tablename__ = "ledger_entries"
    __table_args__ = (
        Index("ix_ledger_entries_job_id", "job_id"),
        Index("ix_ledger_entries_campaign_id", "campaign_id", "kind"),
        Index("ix_ledger_entries_account_id", "account_id"),
        Index("ix_ledger_entries_at", "at"),
        Index("ix_ledger_entries_provider_task_id", "provider_task_id"),
        Index(
            "uq_ledger_entries_settled",
            "provider_task_id",
            unique=True,
            postgresql_where=text("kind = 'settle'"),
        ),
        Index(
            "uq_ledger_entries_text_settled",
            "text_attempt_id",
            unique=True,
            postgresql_where=text("text_attempt_id IS NOT NULL AND kind = 'settle'"),
        ),
        Index("ix_ledger_entries_text_attempt_id", "text_attempt_id"),
        CheckConstraint("(job_id IS NULL) <> (text_attempt_id IS NULL)", name="is_about_one_thing"),
        {"comment": "Append-only money: reservations, releases and payments"},
    )

    id: Mapped[int] = mapped_column(BigInteger, Identity(always=True), primary_key=True, comment="In order of entry")
    at: Mapped[datetime] = mapped_column(comment="When it was entered")
    kind: Mapped[EntryKind] = mapped_column(comment="reserve, release, settle or write_off")
    campaign_id: Mapped[UUID] = mapped_column(ForeignKey("campaigns.id"), comment="Whose money")
    job_id: Mapped[UUID | None] = mapped_column(
        ForeignKey("render_jobs.id"), comment="For which render job; null: for a text job"
    )
    text_attempt_id: Mapped[UUID | None] = mapped_column(
        ForeignKey("text_attempts.id"), comment="For which call to a language model; null: for a render job"
    )
    account_id: Mapped[UUID] = mapped_column(ForeignKey("accounts.id"), comment="At which provider account")
    provider_task_id: Mapped[UUID | None] = mapped_column(
        ForeignKey("provider_tasks.id"), comment="Our row of the task that was billed, or given up"
    )
    seconds: Mapped[Decimal | None] = mapped_column(comment="Billed seconds of a settled task")
    amount: Mapped[Decimal | None] = mapped_column(comment="Null: no price is known for it")
    currency: Mapped[str | None] = mapped_column(comment="ISO 4217 code; null: no price is known for it")
