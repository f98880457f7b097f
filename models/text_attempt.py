"""An attempt of a text job: one POST to a language model that may have been sent.

It is committed before a byte leaves, so a crash at any moment leaves a row that says how far the POST can have come.
Its money is reserved exactly as long as it is open.
"""

from __future__ import annotations

from datetime import date, datetime
from decimal import Decimal
from typing import Any
from uuid import UUID

from sqlalchemy import ForeignKey, Index, UniqueConstraint, func, text
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.orm import Mapped, mapped_column

from models.base import Base, new_id
from reelqueue.states import FailureClass, TextAttemptState


class TextAttempt(Base):
    """One POST for one text job."""

    __tablename__ = "text_attempts"
    __table_args__ = (
        UniqueConstraint("job_id", "number"),
        Index(
            "uq_text_attempts_open",
            "job_id",
            unique=True,
            postgresql_where=text("state IN ('intent', 'sent')"),
        ),
        Index(
            "ix_text_attempts_in_flight",
            "state",
            "send_by",
            postgresql_where=text("state IN ('intent', 'sent')"),
        ),
        Index("ix_text_attempts_account_id", "account_id"),
        Index("ix_text_attempts_batch_id", "batch_id", "state"),
        Index("ix_text_attempts_request_id", "request_id", postgresql_where=text("request_id IS NOT NULL")),
        {"comment": "Paid POSTs to language models that we may have sent, one row each"},
    )

    id: Mapped[UUID] = mapped_column(primary_key=True, default=new_id, comment="Ours, UUIDv7")
    job_id: Mapped[UUID] = mapped_column(ForeignKey("text_jobs.id"), comment="The text job that it tries")
    number: Mapped[int] = mapped_column(comment="From 1, in order")
    account_id: Mapped[UUID] = mapped_column(ForeignKey("accounts.id"), comment="Where it goes")
    batch_id: Mapped[UUID | None] = mapped_column(
        ForeignKey("text_batches.id"), comment="The batch that it is a line of; null: it is a POST of its own"
    )
    base_url: Mapped[str] = mapped_column(comment="The base URL that it was sent to")
    state: Mapped[TextAttemptState] = mapped_column(comment="How far it came; see reelqueue.states")
    epoch: Mapped[int] = mapped_column(comment="The job's epoch when it was claimed")
    spec_sha256: Mapped[str] = mapped_column(comment="Hex SHA-256 of the body that is sent")
    send_by: Mapped[datetime] = mapped_column(comment="By the database's clock; a worker frozen past it must not send")
    created_at: Mapped[datetime] = mapped_column(server_default=func.now(), comment="When the intent was committed")
    sent_at: Mapped[datetime | None] = mapped_column(comment="When it was committed as about to leave")
    answer_by: Mapped[datetime | None] = mapped_column(
        comment="A sent attempt that is silent past it lost its worker; moved on while the answer comes"
    )
    closed_at: Mapped[datetime | None] = mapped_column(comment="When its outcome was stored")
    http_status: Mapped[int | None] = mapped_column(comment="Of the answer, where there was one")
    request_id: Mapped[str | None] = mapped_column(comment="The provider's, where it gave one")
    error_class: Mapped[FailureClass | None] = mapped_column(comment="By what to do about it")
    error_code: Mapped[str | None] = mapped_column(comment="The provider's as received, or one of ours")
    error_message: Mapped[str | None] = mapped_column(comment="The provider's or the transport's, shortened")
    partial_text: Mapped[str | None] = mapped_column(comment="What had come of an answer that is not whole")
    partial_reasoning: Mapped[str | None] = mapped_column(comment="What had come of its thoughts")
    usage: Mapped[dict[str, Any] | None] = mapped_column(JSONB(none_as_null=True), comment="Its tokens; null: not said")

    reserved_amount: Mapped[Decimal | None] = mapped_column(
        comment="The most that it may cost, held while it is open; null: no price is known"
    )
    cost_amount: Mapped[Decimal | None] = mapped_column(
        comment="What it cost, as its ledger entry says; null: not billed, or no price is known"
    )
    currency: Mapped[str | None] = mapped_column(comment="ISO 4217 code; null: no price is known")
    is_estimate: Mapped[bool | None] = mapped_column(
        comment="Whether that is the most that it may have cost; null: it is open, or was not billed"
    )
    priced_on: Mapped[date | None] = mapped_column(comment="Day of the price list; null: no price is known")
