"""Notification channels: which notices go to which, and how they are kept."""

from __future__ import annotations

from collections.abc import Collection
from datetime import datetime
from typing import Final
from uuid import UUID

from sqlalchemy import Select, and_, exists, or_, select
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.orm import Session, aliased

from models.base import new_id
from models.campaign import Campaign
from models.notice import Notice, OperatorEvent
from models.notification_channel import NotificationChannel
from models.notification_delivery import NotificationDelivery
from models.operations.webhooks.events import NEWS
from reelqueue.webhooks import CampaignEvent, DeliveryState

TENANTS_EVENTS: Final = (*CampaignEvent,)
"""What a tenant's channel gets unless it names some, and all that it can get."""
OPERATORS_EVENTS: Final = (*OperatorEvent, CampaignEvent.NEEDS_REVIEW)
"""What an operators' channel gets unless it names some."""
ALL_EVENTS: Final = (*CampaignEvent, *OperatorEvent)


def queue_notifications(session: Session, notice_ids: Collection[UUID], *, now: datetime) -> None:
    """Queue notices for every channel that is to get them.

    Args:
        session: In the transaction that inserts the notices.
        notice_ids: Those that are new.
        now: The time.
    """
    listening = (
        select(NotificationChannel.id, Notice.id)
        .select_from(Notice)
        .outerjoin(Campaign, Campaign.id == Notice.campaign_id)
        .join(
            NotificationChannel,
            and_(
                NotificationChannel.events.has_key(Notice.kind),
                or_(NotificationChannel.tenant_id.is_(None), NotificationChannel.tenant_id == Campaign.tenant_id),
                Notice.occurred_at >= NotificationChannel.created_at,
            ),
        )
        .where(Notice.id.in_(notice_ids), Notice.occurred_at > now - NEWS)
    )
    due = {"state": DeliveryState.PENDING, "asked_at": now, "next_attempt_at": now, "attempt_count": 0}
    rows = [
        {"id": new_id(), "channel_id": channel_id, "notice_id": notice_id, **due}
        for channel_id, notice_id in session.execute(listening)
    ]
    if rows:
        session.execute(insert(NotificationDelivery).on_conflict_do_nothing(), rows)


def due_channels(now: datetime) -> Select[UUID]:
    """The channels to which something can be sent now; none while a worker sends to one."""
    channel, any_channel = NotificationChannel, aliased(NotificationChannel)
    is_leased = exists().where(any_channel.lease_until > now)
    return select(channel.id).where(
        or_(channel.held_until.is_(None), channel.held_until <= now),
        exists().where(NotificationDelivery.channel_id == channel.id, NotificationDelivery.next_attempt_at <= now),
        ~is_leased,
    )
