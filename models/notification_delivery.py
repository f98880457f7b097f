"""One notice on its way to one notification channel; its row is inserted with the notice's."""

from __future__ import annotations

from datetime import datetime
from uuid import UUID

from sqlalchemy import CheckConstraint, ForeignKey, Index, UniqueConstraint, text
from sqlalchemy.orm import Mapped, mapped_column

from models.base import Base, new_id
from reelqueue.webhooks import DeliveryState


class NotificationDelivery(Base):
    """One notice for one channel."""

    __tablename__ = "notification_deliveries"
    __table_args__ = (
        UniqueConstraint("channel_id", "notice_id"),
        CheckConstraint("(state = 'pending') = (next_attempt_at IS NOT NULL)", name="pending_is_due"),
        Index("ix_notification_deliveries_notice_id", "notice_id"),
        Index(
            "ix_notification_deliveries_due",
            "channel_id",
            "next_attempt_at",
            postgresql_where=text("next_attempt_at IS NOT NULL"),
        ),
        {"comment": "Notices on their way to notification channels, each once per channel"},
    )

    id: Mapped[UUID] = mapped_column(primary_key=True, default=new_id, comment="Ours, UUIDv7")
    channel_id: Mapped[UUID] = mapped_column(ForeignKey("notification_channels.id"), comment="Where it is sent")
    notice_id: Mapped[UUID] = mapped_column(ForeignKey("notices.id"), comment="What it says")
    state: Mapped[DeliveryState] = mapped_column(default=DeliveryState.PENDING, comment="pending, delivered or dead")
    asked_at: Mapped[datetime] = mapped_column(comment="Since when it is tried")
    next_attempt_at: Mapped[datetime | None] = mapped_column(comment="When it is tried next; null: never")
    attempt_count: Mapped[int] = mapped_column(default=0, comment="Tries that have ended")
    finished_at: Mapped[datetime | None] = mapped_column(comment="When it was delivered or given up")
    last_error: Mapped[str | None] = mapped_column(comment="Why the last try failed; without secrets")
