"""A campaign: a named group of render jobs that share a priority, a budget and a fate.

Every job belongs to one. Jobs that are enqueued singly stand in their tenant's standing campaign, so
that sharing, money and statements know one kind of group.
"""

from __future__ import annotations

from datetime import datetime
from decimal import Decimal
from enum import StrEnum
from typing import Any, Final
from uuid import UUID

from sqlalchemy import CheckConstraint, ForeignKey, Text, UniqueConstraint, func, select, text
from sqlalchemy.dialects.postgresql import ARRAY, insert
from sqlalchemy.orm import Mapped, Session, mapped_column

from models.base import Base, new_id

STANDING_CAMPAIGN_NAME = "default"
"""Of the jobs that were enqueued singly."""


CONTENT_VERSION: Final = 2
"""Of the content hash: 1 counted the signatures of URLs, and headers that are not sent any more."""


class OnAmbiguous(StrEnum):
    """What becomes of a job whose submit may or may not have made a paid task."""

    RECONCILE = "reconcile"
    """The provider's listing decides; what it rules out is submitted again, once."""
    HOLD = "hold"
    """The listing may prove the task; without proof a person decides."""
    RESUBMIT = "resubmit"
    """The listing is asked once; what it does not show is submitted again at once, and may be paid for twice."""


class OnBudget(StrEnum):
    """What becomes of the jobs that the rest of a budget cannot pay for."""

    FINISH = "finish"
    """They wait until the budget is raised; what was submitted is finished."""
    CANCEL = "cancel"
    """They are cancelled; what was submitted is finished."""


class Campaign(Base):
    """One group of render jobs."""

    __tablename__ = "campaigns"
    __table_args__ = (
        UniqueConstraint("tenant_id", "name"),
        CheckConstraint("(budget_amount IS NULL) = (budget_currency IS NULL)", name="budget_has_currency"),
        {"comment": "Groups of render jobs with a priority, a budget and a fate of their own"},
    )

    id: Mapped[UUID] = mapped_column(primary_key=True, default=new_id, comment="Ours, UUIDv7")
    tenant_id: Mapped[UUID] = mapped_column(ForeignKey("tenants.id"), comment="Its owner")
    name: Mapped[str] = mapped_column(comment="The owner's name for it")
    priority: Mapped[int] = mapped_column(default=0, comment="Added to the priority of each of its jobs")
    max_in_flight: Mapped[int | None] = mapped_column(comment="Most jobs at the provider at a time; null: no limit")
    on_ambiguous: Mapped[OnAmbiguous] = mapped_column(
        default=OnAmbiguous.RECONCILE, comment="reconcile, hold or resubmit"
    )
    budget_amount: Mapped[Decimal | None] = mapped_column(
        comment="Most that may be reserved and spent in all; null: no limit"
    )
    budget_currency: Mapped[str | None] = mapped_column(comment="ISO 4217 code")
    on_budget: Mapped[OnBudget] = mapped_column(default=OnBudget.FINISH, comment="finish or cancel")
    budget_exhausted_at: Mapped[datetime | None] = mapped_column(
        comment="When the rest could not pay for the next job and nothing was left that could free any"
    )
    spent_amount: Mapped[Decimal] = mapped_column(
        default=Decimal(0),
        comment="Settled and written off in the budget's currency; what is reserved stands in its slots",
    )
    paused_at: Mapped[datetime | None] = mapped_column(comment="Since when none of its jobs is admitted")
    paused_reason: Mapped[str | None] = mapped_column(comment="Why, for people")
    last_admitted_at: Mapped[datetime | None] = mapped_column(
        comment="When a job of it last got a slot; of equals, who waits longest is next"
    )
    run_at: Mapped[datetime | None] = mapped_column(comment="None of its jobs is admitted before")
    start_by: Mapped[datetime | None] = mapped_column(comment="For clips that say none of their own")
    finish_by: Mapped[datetime | None] = mapped_column(comment="When its owner wants every clip; for people")
    canary_count: Mapped[int | None] = mapped_column(
        comment="Clips that are rendered before a person approves the rest"
    )
    canary_ids: Mapped[list[str] | None] = mapped_column(
        ARRAY(Text), comment="Ids of the clips that were chosen for the canary; null: none yet"
    )
    approved_at: Mapped[datetime | None] = mapped_column(comment="When a person approved the rest after the canary")
    prices_agreed_at: Mapped[datetime | None] = mapped_column(
        comment="The moment whose prices its owner agreed to; null: no file was applied"
    )
    repriced_at: Mapped[datetime | None] = mapped_column(comment="Since when it is paused as a price has risen")
    breaker: Mapped[dict[str, Any] | None] = mapped_column(
        comment="When it pauses itself: failures, failed_percent, moderated_percent, after"
    )
    breaker_since_at: Mapped[datetime | None] = mapped_column(
        comment="Ends before this do not count for the breaker: a person has looked at them"
    )
    variant_count: Mapped[int] = mapped_column(default=1, server_default=text("1"), comment="Clips of each row")
    output_pattern: Mapped[str | None] = mapped_column(comment="Of its files' names; null: it holds no clips of a file")
    variable_names: Mapped[list[str] | None] = mapped_column(
        ARRAY(Text), comment="Of the variables of its rows, in the order of the file that was applied last"
    )
    content_version: Mapped[int] = mapped_column(
        default=CONTENT_VERSION,
        server_default=text("1"),
        comment="Of the content hashes of its clips; older ones are renewed before its next file is compared",
    )
    file_name: Mapped[str | None] = mapped_column(comment="The file that it was last applied from, for people")
    csv_style: Mapped[dict[str, Any] | None] = mapped_column(
        comment="Of the CSV file that was applied last, which exports follow: delimiter, decimal, has_byte_order_mark"
    )
    applied_keys: Mapped[list[str]] = mapped_column(
        default=list, server_default=text("'[]'"), comment="Names of the API keys that made it or gave it clips"
    )
    cancelled_at: Mapped[datetime | None] = mapped_column(comment="When its owner stopped it for good")
    created_at: Mapped[datetime] = mapped_column(server_default=func.now(), comment="When the row was made")


def ensure_campaign(session: Session, tenant_id: UUID, name: str = STANDING_CAMPAIGN_NAME) -> UUID:
    """The id of a tenant's campaign of that name, which is made without limits if there is none."""
    named = select(Campaign.id).where(Campaign.tenant_id == tenant_id, Campaign.name == name)
    found = session.scalars(named).one_or_none()
    if found is not None:
        return found
    made = insert(Campaign).values(id=new_id(), tenant_id=tenant_id, name=name)
    session.execute(made.on_conflict_do_nothing(index_elements=["tenant_id", "name"]))
    return session.scalars(named).one()
