"""A bearer key of the HTTP API, as a hash: the key is shown once, when it is made."""

from __future__ import annotations

from datetime import datetime
from enum import StrEnum
from typing import Final
from uuid import UUID

from sqlalchemy import ForeignKey, Index, func, or_, text
from sqlalchemy.orm import Mapped, mapped_column

from models.base import Base, new_id


class KeyScope(StrEnum):
    """What a key may do with its tenant's jobs."""

    READ = "read"
    """Look at everything, change and render nothing."""
    WRITE = "write"
    """Everything."""


class ApiKey(Base):
    """One key that a producer calls the API with."""

    __tablename__ = "api_keys"
    __table_args__ = (
        Index("ix_api_keys_tenant_id", "tenant_id"),
        # A key that takes another's place has its name.
        Index("uq_api_keys_name", "name", unique=True, postgresql_where=text("revoked_at IS NULL")),
        {"comment": "Bearer keys of the HTTP API, hashed"},
    )

    id: Mapped[UUID] = mapped_column(primary_key=True, default=new_id, comment="Ours, UUIDv7")
    name: Mapped[str] = mapped_column(comment="Who it was made for")
    tenant_id: Mapped[UUID] = mapped_column(ForeignKey("tenants.id"), comment="Whose jobs it enqueues and sees")
    sha256: Mapped[str] = mapped_column(
        unique=True, comment="Hex SHA-256 of the key; the key is 256 random bits, so no salt is needed"
    )
    scope: Mapped[KeyScope] = mapped_column(
        default=KeyScope.WRITE, server_default=KeyScope.WRITE.value, comment="What it may do: read, or all"
    )
    created_at: Mapped[datetime] = mapped_column(server_default=func.now(), comment="When it was made")
    expires_at: Mapped[datetime | None] = mapped_column(comment="From when it opens nothing")
    last_used_at: Mapped[datetime | None] = mapped_column(comment="Its last use, to the minute")
    revoked_at: Mapped[datetime | None] = mapped_column(
        comment="From when it opens nothing; after a rotation that may be later"
    )


IS_VALID: Final = (
    or_(ApiKey.revoked_at.is_(None), ApiKey.revoked_at > func.clock_timestamp()),
    or_(ApiKey.expires_at.is_(None), ApiKey.expires_at > func.clock_timestamp()),
)
"""Conditions of a key that opens something now."""
