"""A delivery: one event on its way to one endpoint.

The row is written in the transaction of the event, so whatever happens to workers and broker afterwards, each
endpoint is told of each event under one id.
"""

from __future__ import annotations

from datetime import datetime
from uuid import UUID

from sqlalchemy import CheckConstraint, ForeignKey, Index, UniqueConstraint, text
from sqlalchemy.orm import Mapped, mapped_column

from models.base import Base, new_id
from reelqueue.webhooks import DeliveryState


class WebhookDelivery(Base):
    """One event for one endpoint."""

    __tablename__ = "webhook_deliveries"
    __table_args__ = (
        UniqueConstraint("endpoint_id", "job_id", "kind"),
        CheckConstraint("(state = 'pending') = (next_attempt_at IS NOT NULL)", name="pending_is_due"),
        Index("ix_webhook_deliveries_endpoint_id", "endpoint_id", "id"),
        Index("ix_webhook_deliveries_job_id", "job_id"),
        Index("uq_webhook_deliveries_text", "text_job_id", "endpoint_id", "kind", unique=True),
        Index("uq_webhook_deliveries_notice", "notice_id", "endpoint_id", unique=True),
        Index(
            "ix_webhook_deliveries_due",
            "endpoint_id",
            "next_attempt_at",
            postgresql_where=text("next_attempt_at IS NOT NULL"),
        ),
        {"comment": "Events on their way to webhook endpoints, each once per endpoint"},
    )

    id: Mapped[UUID] = mapped_column(primary_key=True, default=new_id, comment="The webhook-id, UUIDv7")
    endpoint_id: Mapped[UUID] = mapped_column(ForeignKey("webhook_endpoints.id"), comment="The receiver")
    job_id: Mapped[UUID | None] = mapped_column(
        ForeignKey("render_jobs.id"), comment="Null in a test, and in an event of a text job or of a campaign"
    )
    text_job_id: Mapped[UUID | None] = mapped_column(
        ForeignKey("text_jobs.id"), comment="The text job that it is about; null: it is about none"
    )
    notice_id: Mapped[UUID | None] = mapped_column(
        ForeignKey("notices.id"), comment="What happened to a campaign; null: it is about none"
    )
    kind: Mapped[str] = mapped_column(
        comment="render_job.STATE, render_job.result_expiring, text_job.STATE, a campaign's event or webhook.test"
    )
    occurred_at: Mapped[datetime] = mapped_column(comment="When it happened")
    state: Mapped[DeliveryState] = mapped_column(default=DeliveryState.PENDING, comment="pending, delivered or dead")
    asked_at: Mapped[datetime] = mapped_column(comment="Since when it is tried: the event, or a redelivery's request")
    next_attempt_at: Mapped[datetime | None] = mapped_column(comment="When it is tried next; null: never")
    attempt_count: Mapped[int] = mapped_column(default=0, comment="Tries that have ended")
    finished_at: Mapped[datetime | None] = mapped_column(comment="When it was delivered or given up")
    last_status: Mapped[int | None] = mapped_column(comment="HTTP status of the last answer; null: none came")
    last_error: Mapped[str | None] = mapped_column(comment="Why the last try failed")
