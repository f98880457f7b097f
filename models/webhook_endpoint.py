"""A webhook endpoint: a URL of a tenant's that is told what becomes of its render jobs.

It is also the lane of its deliveries: one worker at a time sends them, and a receiver that does not answer
holds up nobody but itself.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
from datetime import datetime
from uuid import UUID

from pydantic import SecretStr
from sqlalchemy import ForeignKey, Index, func
from sqlalchemy.orm import Mapped, Session, mapped_column

from models.base import Base, new_id
from reelqueue.webhooks import SECRET_PREFIX


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


def make_endpoint(
    session: Session, tenant_id: UUID, url: str, key: SecretStr, *, now: datetime
) -> tuple[WebhookEndpoint, SecretStr]:
    """A new endpoint and its secret, which nobody can ask for again.

    Args:
        session: In a transaction; the caller commits.
        tenant_id: Whose jobs it is told about.
        url: A checked one.
        key: ``REELQUEUE_WEBHOOK_KEY``.
        now: The time.
    """
    endpoint_id = new_id()
    secret = derive_secret(key, endpoint_id)
    endpoint = WebhookEndpoint(
        id=endpoint_id,
        tenant_id=tenant_id,
        url=url,
        secret_sha256=secret_sha256(secret),
        created_at=now,
        open_since=now,
    )
    session.add(endpoint)
    session.flush()
    return endpoint, secret


def derive_secret(key: SecretStr, endpoint_id: UUID) -> SecretStr:
    """An endpoint's secret: from the server's key, so that the database alone opens nothing.

    Args:
        key: ``REELQUEUE_WEBHOOK_KEY``.
        endpoint_id: Whose; ids are never used twice.
    """
    derived = hmac.digest(key.get_secret_value().encode(), b"webhook endpoint " + endpoint_id.bytes, hashlib.sha256)
    return SecretStr(SECRET_PREFIX + base64.b64encode(derived).decode())


def secret_sha256(secret: SecretStr) -> str:
    """What is stored of a secret; it has 256 bits, so nobody finds it from this."""
    return hashlib.sha256(secret.get_secret_value().encode()).hexdigest()
