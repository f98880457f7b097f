"""A webhook endpoint: a URL of a tenant's that is told what becomes of its render jobs.

It is also the lane of its deliveries: one worker at a time sends them, and a receiver that does not answer
holds up no other endpoint.
"""

from __future__ import annotations

from datetime import datetime
from uuid import UUID

from sqlalchemy import ForeignKey, Index, func
from sqlalchemy.orm import Mapped, mapped_column

from models.base import Base, new_id


class WebhookEndpoint(Base):
    """One receiver."""

    __tablename__ = "webhook_endpoints"
    __table_args__ = (
        Index("ix_webhook_endpoints_tenant_id", "tenant_id"),
        {"comment": "Receivers of webhooks, each with its deliveries' lease and back-off; never the secret itself"},
    )

    id: Mapped[UUID] = mapped_column(primary_key=True, default=new_id, comment="Ours, UUIDv7")
    tenant_id: Mapped[UUID] = mapped_column(ForeignKey("tenants.id"), comment="Whose jobs it is told about")
    url: Mapped[str] = mapped_column(comment="Where events are posted")
    secret_sha256: Mapped[str] = mapped_column(
        comment="Hex SHA-256 of the secret, which is derived from the server's key: tells whether that is still the key"
    )
    created_at: Mapped[datetime] = mapped_column(server_default=func.now(), comment="When it was made")
    open_since: Mapped[datetime] = mapped_column(
        comment="It is told what happens from then on: since it was made, or enabled again"
    )
    disabled_at: Mapped[datetime | None] = mapped_column(comment="Since when nothing is posted; null: it is")
    disabled_reason: Mapped[str | None] = mapped_column(comment="Why, for people")
    deleted_at: Mapped[datetime | None] = mapped_column(comment="Since when its owner does not see it any more")
    failure_count: Mapped[int] = mapped_column(default=0, comment="Failed tries in a row, of any of its deliveries")
    held_until: Mapped[datetime | None] = mapped_column(comment="After failed tries nothing is posted until then")
    lease_until: Mapped[datetime | None] = mapped_column(comment="While a worker posts; it is believed dead then")
