"""A tenant: who owns jobs, campaigns and API keys, and with whom the provider's slots are shared fairly.

Keys come and go; what was enqueued with them stays their tenant's.
"""

from __future__ import annotations

from datetime import datetime
from decimal import Decimal
from uuid import UUID

from sqlalchemy import CheckConstraint, func, select
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.orm import Mapped, Session, mapped_column

from models.base import Base, new_id

DEFAULT_TENANT_NAME = "default"
"""Who owns what comes over the broker, or from this machine without a key."""


class Tenant(Base):
    """One owner of jobs."""

    __tablename__ = "tenants"
    __table_args__ = (
        CheckConstraint("(approval_amount IS NULL) = (approval_currency IS NULL)", name="approval_has_currency"),
        {"comment": "Owners of jobs, campaigns and API keys"},
    )

    id: Mapped[UUID] = mapped_column(primary_key=True, default=new_id, comment="Ours, UUIDv7")
    name: Mapped[str] = mapped_column(unique=True, comment="What operators call it")
    last_admitted_at: Mapped[datetime | None] = mapped_column(
        comment="When a job of it last got a slot; of equals, who waits longest is next"
    )
    approval_amount: Mapped[Decimal | None] = mapped_column(
        comment="More of a campaign needs a key that did not apply it; null: none does"
    )
    approval_currency: Mapped[str | None] = mapped_column(comment="ISO 4217 code")
    created_at: Mapped[datetime] = mapped_column(server_default=func.now(), comment="When the row was made")


def ensure_tenant(session: Session, name: str = DEFAULT_TENANT_NAME) -> UUID:
    """The id of the tenant of that name, which is made if there is none."""
    named = select(Tenant.id).where(Tenant.name == name)
    found = session.scalars(named).one_or_none()
    if found is not None:
        return found
    session.execute(insert(Tenant).values(id=new_id(), name=name).on_conflict_do_nothing(index_elements=["name"]))
    return session.scalars(named).one()
