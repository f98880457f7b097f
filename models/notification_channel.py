"""A notification channel: where people read what happens, such as a chat room or a mailbox.

Its URL holds secrets, so it stays in the environment; the row holds the variable's name.
"""

from __future__ import annotations

from datetime import datetime
from uuid import UUID

from sqlalchemy import ForeignKey, Index
from sqlalchemy.orm import Mapped, mapped_column

from models.base import Base, new_id


class NotificationChannel(Base):
    """One channel, of a tenant or of the operators."""

    __tablename__ = "notification_channels"
    __table_args__ = (
        Index("ix_notification_channels_tenant_id", "tenant_id"),
        {"comment": "Where people are notified, each with its lease and back-off; never the URL itself"},
    )

    id: Mapped[UUID] = mapped_column(primary_key=True, default=new_id, comment="Ours, UUIDv7")
    name: Mapped[str] = mapped_column(unique=True, comment="What operators call it")
    url_env: Mapped[str] = mapped_column(comment="Name of the environment variable that holds its URL")
    tenant_id: Mapped[UUID | None] = mapped_column(
        ForeignKey("tenants.id"), comment="Whose campaigns it is about; null: it is the operators', and about all"
    )
    events: Mapped[list[str]] = mapped_column(comment="Kinds of notices that are sent to it")
    has_prompts: Mapped[bool] = mapped_column(comment="Whether a few prompts of the clips concerned are sent as well")
    created_at: Mapped[datetime] = mapped_column(comment="It is sent what happens from then on")
    failure_count: Mapped[int] = mapped_column(default=0, comment="Failed tries in a row, of any notification")
    held_until: Mapped[datetime | None] = mapped_column(comment="After failed tries nothing is sent until then")
    lease_until: Mapped[datetime | None] = mapped_column(comment="While a worker sends; it is believed dead then")
