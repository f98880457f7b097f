"""An attempt: one POST to the provider that we may have sent.

It is committed before a byte leaves, so a crash at any moment leaves a row that says how far the
POST can have come. A job has at most one open attempt.
"""

from __future__ import annotations

from datetime import datetime
from uuid import UUID

from sqlalchemy import ForeignKey, Index, UniqueConstraint, func, text
from sqlalchemy.orm import Mapped, mapped_column

from models.base import Base, new_id
from reelqueue.states import AttemptState, FailureClass


class Attempt(Base):
    """One POST for one render job."""

    __tablename__ = "attempts"
    __table_args__ = (
        UniqueConstraint("job_id", "number"),
        Index(
            "uq_attempts_open",
            "job_id",
            unique=True,
            postgresql_where=text("state IN ('intent', 'sent', 'ambiguous', 'reconciling')"),
        ),
        Index(
            "ix_attempts_in_flight",
            "state",
            "send_by",
            postgresql_where=text("state IN ('intent', 'sent')"),
        ),
        Index(
            "ix_attempts_due_reconcile",
            "reconcile_at",
            postgresql_where=text("reconcile_at IS NOT NULL"),
        ),
        Index("ix_attempts_account_id", "account_id"),
        {"comment": "Paid POSTs that we may have sent, one row each"},
    )

    id: Mapped[UUID] = mapped_column(primary_key=True, default=new_id, comment="Ours, UUIDv7")
    job_id: Mapped[UUID] = mapped_column(ForeignKey("render_jobs.id"), comment="The job it tries")
    number: Mapped[int] = mapped_column(comment="From 1, in order")
    account_id: Mapped[UUID] = mapped_column(ForeignKey("accounts.id"), comment="Where it goes")
    base_url: Mapped[str] = mapped_column(comment="The account's host at that time; its tasks are listed there only")
    state: Mapped[AttemptState] = mapped_column(comment="How far it came; see reelqueue.states")
    epoch: Mapped[int] = mapped_column(comment="The job's epoch when it was claimed")
    spec_sha256: Mapped[str] = mapped_column(comment="Hex SHA-256 of the body that is sent")
    key_fingerprint: Mapped[str | None] = mapped_column(
        comment="Of the key it was sent with: another main account's list shows none of its tasks"
    )
    send_by: Mapped[datetime] = mapped_column(comment="By the database's clock; a worker frozen past it must not send")
    created_at: Mapped[datetime] = mapped_column(server_default=func.now(), comment="When the intent was committed")
    sent_at: Mapped[datetime | None] = mapped_column(comment="When it was committed as about to leave")
    answer_by: Mapped[datetime | None] = mapped_column(comment="A sent attempt that is silent past it lost its worker")
    clock_offset_seconds: Mapped[float | None] = mapped_column(
        comment="The provider's clock minus the database's when it was sent; null: it was not known"
    )
    reconcile_at: Mapped[datetime | None] = mapped_column(comment="When the provider's listing is asked next")
    listing_count: Mapped[int] = mapped_column(default=0, comment="Listings asked")
    first_absent_at: Mapped[datetime | None] = mapped_column(comment="When a listing first showed no trace of it")
    closed_at: Mapped[datetime | None] = mapped_column(comment="When its outcome was stored")
    http_status: Mapped[int | None] = mapped_column(comment="Of the answer, where there was one")
    request_id: Mapped[str | None] = mapped_column(comment="The provider's, where it gave one")
    error_class: Mapped[FailureClass | None] = mapped_column(comment="By what to do about it")
    error_code: Mapped[str | None] = mapped_column(comment="The provider's, as received")
    error_message: Mapped[str | None] = mapped_column(comment="The provider's or the transport's, shortened")
