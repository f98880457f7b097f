"""What is wrong with notification channels: for doctor."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final

from sqlalchemy import func, or_, select
from sqlalchemy.orm import Session

from models.notification_channel import NotificationChannel
from models.notification_delivery import NotificationDelivery
from reelqueue.webhooks import DeliveryState
from workers.notices.deliver import url_of
from workers.runtime.context import Context

_GIVEN_UP_WINDOW: Final = timedelta(days=7)


@dataclass(frozen=True)
class Trouble:
    """One thing that an operator should look at."""

    subject: str
    seen: str
    remedy: str


def channel_troubles(context: Context, session: Session, now: datetime) -> Iterator[Trouble]:
    """Channels whose variable is not set here, and what was tried and is not delivered, also of the last week."""
    delivery = NotificationDelivery
    for channel in session.scalars(select(NotificationChannel).order_by(NotificationChannel.name)):
        subject, test = f"channel {channel.name}", f"python -m workers notify test {channel.name}"
        if url_of(context, channel.url_env) is None:
            yield Trouble(
                subject, f"{channel.url_env} is not set here", f"set it for the workers and restart them, then {test}"
            )
        failed = (
            delivery.channel_id == channel.id,
            delivery.last_error.is_not(None),
            or_(
                delivery.state == DeliveryState.PENDING,
                (delivery.state == DeliveryState.DEAD) & (delivery.finished_at > now - _GIVEN_UP_WINDOW),
            ),
        )
        count = session.scalars(select(func.count()).where(*failed)).one()
        if count:
            newest = select(delivery.last_error).where(*failed).order_by(delivery.id.desc()).limit(1)
            seen = f"{count} notifications are not delivered: {session.scalars(newest).one()}"
            yield Trouble(subject, seen, f"fix the URL in {channel.url_env} or its service, then {test}")
