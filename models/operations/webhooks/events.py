"""Queues events for webhook endpoints, in the transaction of what happened."""

from __future__ import annotations

from collections.abc import Collection
from datetime import datetime, timedelta
from typing import Final
from uuid import UUID

from sqlalchemy import select
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.orm import Session

from models.base import new_id
from models.campaign import Campaign
from models.notice import Notice
from models.render_job import RenderJob
from models.text_job import TextJob
from models.webhook_delivery import WebhookDelivery
from models.webhook_endpoint import WebhookEndpoint
from reelqueue.states import RenderState, TextState
from reelqueue.webhooks import EXPIRING_KIND, TEST_KIND, DeliveryState, kind_of, text_kind_of

NEWS: Final = timedelta(hours=24)
"""An occurrence that is found later than this after it happened is recorded, and sent to no receiver."""


def announce(session: Session, job_ids: Collection[UUID], state: RenderState, *, now: datetime) -> None:
    """Queue the event of jobs that moved to a terminal state, for every endpoint of their tenants.

    Args:
        session: In the transaction of the move.
        job_ids: The jobs.
        state: Where they moved.
        now: Time of the move.
    """
    _announce(session, job_ids, kind_of(state), now)


def announce_expiring(session: Session, job_ids: Collection[UUID], *, now: datetime) -> None:
    """Queue the event that results wait and expire soon, for every endpoint of their tenants."""
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


def announce_texts(session: Session, job_ids: Collection[UUID], state: TextState, *, now: datetime) -> None:
    """Queue the event of text jobs that moved to a terminal state, for every endpoint of their tenants.

    Args:
        session: In the transaction of the move.
        job_ids: The text jobs.
        state: Where they moved.
        now: Time of the move.
    """
    listening = (
        select(WebhookEndpoint.id, TextJob.id)
        .join(TextJob, TextJob.tenant_id == WebhookEndpoint.tenant_id)
        .where(TextJob.id.in_(job_ids), WebhookEndpoint.disabled_at.is_(None), WebhookEndpoint.deleted_at.is_(None))
    )
    event = {"kind": text_kind_of(state), "occurred_at": now, "asked_at": now, "next_attempt_at": now}
    rows = [
        {"id": new_id(), "endpoint_id": endpoint_id, "text_job_id": job_id, **event}
        for endpoint_id, job_id in session.execute(listening)
    ]
    if rows:
        session.execute(insert(WebhookDelivery).on_conflict_do_nothing(), rows)


def announce_notices(session: Session, notice_ids: Collection[UUID], *, now: datetime) -> set[UUID]:
    """Queue the events of campaigns, for every endpoint of their tenants that was open when they happened.

    Args:
        session: In the transaction that inserts the notices.
        notice_ids: Those that are new.
        now: The time.

    Returns:
        The endpoints that have something to be posted now.
    """
    listening = (
        select(WebhookEndpoint.id, Notice.id, Notice.kind, Notice.occurred_at)
        .join(Campaign, Campaign.id == Notice.campaign_id)
        .where(
            Notice.id.in_(notice_ids),
            Notice.occurred_at > now - NEWS,
            Notice.occurred_at >= WebhookEndpoint.open_since,
            WebhookEndpoint.tenant_id == Campaign.tenant_id,
            WebhookEndpoint.disabled_at.is_(None),
            WebhookEndpoint.deleted_at.is_(None),
        )
    )
    due = {"asked_at": now, "next_attempt_at": now}
    found = session.execute(listening).all()
    rows = [
        {"id": new_id(), "endpoint_id": endpoint_id, "notice_id": notice_id, "kind": kind, "occurred_at": at, **due}
        for endpoint_id, notice_id, kind, at in found
    ]
    if rows:
        session.execute(insert(WebhookDelivery).on_conflict_do_nothing(), rows)
    return {endpoint_id for endpoint_id, *_ in found}


def announce_test(session: Session, endpoint_id: UUID, *, now: datetime) -> WebhookDelivery:
    """Queue a test event for one endpoint."""
    delivery = WebhookDelivery(
        endpoint_id=endpoint_id, kind=TEST_KIND, occurred_at=now, asked_at=now, next_attempt_at=now
    )
    session.add(delivery)
    session.flush()
    return delivery


def deliver_again(delivery: WebhookDelivery, *, now: datetime) -> None:
    """Queue a delivery again under its id; its attempts are counted from zero."""
    delivery.state, delivery.finished_at = DeliveryState.PENDING, None
    delivery.asked_at, delivery.next_attempt_at = now, now
