"""A bearer key of the HTTP API, as a hash: the key is shown once, when it is made."""

from __future__ import annotations

from datetime import datetime
from typing import Final
from uuid import UUID

from sqlalchemy import ForeignKey, Index, func
from sqlalchemy.orm import Mapped, mapped_column

from models.base import Base, new_id


class ApiKey(Base):
    """One key that a producer calls the API with."""

    __tablename__ = "api_keys"
    __table_args__ = (Index("ix_api_keys_tenant_id", "tenant_id"), {"comment": "Bearer keys of the HTTP API, hashed"})

    id: Mapped[UUID] = mapped_column(primary_key=True, default=new_id, comment="Ours, UUIDv7")
    name: Mapped[str] = mapped_column(unique=True, comment="Who it was made for")
    tenant_id: Mapped[UUID] = mapped_column(ForeignKey("tenants.id"), comment="Whose jobs it enqueues and sees")
    sha256: Mapped[str] = mapped_column(
        unique=True, comment="Hex SHA-256 of the key; the key is 256 random bits, so no salt is needed"
    )
    created_at: Mapped[datetime] = mapped_column(server_default=func.now(), comment="When it was made")
    revoked_at: Mapped[datetime | None] = mapped_column(comment="Since when it opens nothing")


IS_VALID: Final = (ApiKey.revoked_at.is_(None),)
"""Conditions of a key that opens something now."""
