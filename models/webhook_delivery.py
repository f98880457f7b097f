"""A delivery: one event on its way to one endpoint.

The row is written in the transaction of the event, so whatever happens to workers and broker afterwards, each
endpoint is told of each event under one id.
"""

from __future__ import annotations

from collections.abc import Collection
from datetime import datetime
from uuid import UUID

from sqlalchemy import CheckConstraint, ForeignKey, Index, UniqueConstraint, select, text
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.orm import Mapped, Session, mapped_column

from models.base import Base, new_id
from models.render_job import RenderJob
from models.webhook_endpoint import WebhookEndpoint
from reelqueue.states import RenderState
from reelqueue.webhooks import EXPIRING_KIND, TEST_KIND, DeliveryState, kind_of


class WebhookDelivery(Base):
    """One event for one endpoint."""

    __tablename__ = "webhook_deliveries"
    __table_args__ = (
        UniqueConstraint("endpoint_id", "job_id", "kind"),
        CheckConstraint("(state = 'pending') = (next_attempt_at IS NOT NULL)", name="pending_is_due"),
        Index("ix_webhook_deliveries_endpoint_id", "endpoint_id", "id"),
        Index("ix_webhook_deliveries_job_id", "job_id"),
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
    job_id: Mapped[UUID | None] = mapped_column(ForeignKey("render_jobs.id"), comment="Null in a test")
    kind: Mapped[str] = mapped_column(comment="render_job.STATE, render_job.result_expiring or webhook.test")
    occurred_at: Mapped[datetime] = mapped_column(comment="When it happened")
    state: Mapped[DeliveryState] = mapped_column(default=DeliveryState.PENDING, comment="pending, delivered or dead")
    asked_at: Mapped[datetime] = mapped_column(comment="Since when it is tried: the event, or a redelivery's request")
    next_attempt_at: Mapped[datetime | None] = mapped_column(comment="When it is tried next; null: never")
    attempt_count: Mapped[int] = mapped_column(default=0, comment="Tries that have ended")
    finished_at: Mapped[datetime | None] = mapped_column(comment="When it was delivered or given up")
    last_status: Mapped[int | None] = mapped_column(comment="HTTP status of the last answer; null: none came")
    last_error: Mapped[str | None] = mapped_column(comment="Why the last try failed")


def announce(session: Session, job_ids: Collection[UUID], state: RenderState, *, now: datetime) -> None:
    """Let every endpoint of jobs' tenants be told that they have moved to a terminal state.

    Args:
        session: In the transaction of the move.
        job_ids: The jobs.
        state: Where they moved.
        now: Time of the move.
    """
    _announce(session, job_ids, kind_of(state), now)


def announce_expiring(session: Session, job_ids: Collection[UUID], *, now: datetime) -> None:
    """Let every endpoint of jobs' tenants be told that their results wait and will be gone soon."""
    _announce(session, job_ids, EXPIRING_KIND, now)


def _announce(session: Session, job_ids: Collection[UUID], kind: str, now: datetime) -> None:
    listening = (
        select(WebhookEndpoint.id, RenderJob.id)
        .join(RenderJob, RenderJob.tenant_id == WebhookEndpoint.tenant_id)
        .where(RenderJob.id.in_(job_ids), WebhookEndpoint.disabled_at.is_(None), WebhookEndpoint.deleted_at.is_(None))
    )
    event = {"kind": kind, "occurred_at": now, "asked_at": now, "next_attempt_at": now}
    rows = [
        {"id": new_id(), "endpoint_id": endpoint_id, "job_id": job_id, **event}
        for endpoint_id, job_id in session.execute(listening)
    ]
    if rows:
        session.execute(insert(WebhookDelivery).on_conflict_do_nothing(), rows)


def announce_test(session: Session, endpoint_id: UUID, *, now: datetime) -> WebhookDelivery:
    """Let an endpoint be told of nothing, to see whether it works."""
    delivery = WebhookDelivery(
        endpoint_id=endpoint_id, kind=TEST_KIND, occurred_at=now, asked_at=now, next_attempt_at=now
    )
    session.add(delivery)
    session.flush()
    return delivery


def deliver_again(delivery: WebhookDelivery, *, now: datetime) -> None:
    """Let an event be told once more, under its old id; its tries begin anew."""
    delivery.state, delivery.finished_at = DeliveryState.PENDING, None
    delivery.asked_at, delivery.next_attempt_at = now, now
