"""Sends notices to people's channels, until each was taken or is a day old.

One channel at a time, over all workers: a service that does not answer costs one thread of one worker its time limit,
and its channel is held back then. A reader may be told twice: a worker can die between the answer and its commit.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final
from uuid import UUID

import structlog
from pydantic import SecretStr
from sqlalchemy import func, select
from sqlalchemy.orm import Session

from models.campaign import Campaign
from models.notice import Notice
from models.notification_channel import NotificationChannel
from models.notification_delivery import NotificationDelivery
from models.operations.campaigns.status import WITHOUT_VIDEO
from models.render_job import RenderJob
from models.tenant import Tenant
from reelqueue.backoff import Backoff
from reelqueue.states import TERMINAL, RenderState
from reelqueue.webhooks import CampaignEvent, DeliveryState
from workers.failpoints import Failpoint, failpoint
from workers.notices.apprise import Message, send_all
from workers.notices.channels import due_channels
from workers.notices.wording import message_of
from workers.runtime.context import Context
from workers.settings import DeliverySettings

log = structlog.get_logger(__name__)

_AT_ONCE: Final = 5
_LOCK: Final = 0x70656F706C65
"""Advisory, of taking a channel: two workers must not take two."""
_CHANNELS_AT_ONCE: Final = 10
"""Of one task; after that others of its queue have their turn."""
_LONGEST_HOLD: Final = timedelta(minutes=10)
_CLIPS_SHOWN: Final = 3
_CLIPS_OF: Final = {
    CampaignEvent.CANARY_READY: tuple(TERMINAL),
    CampaignEvent.BREAKER_TRIPPED: WITHOUT_VIDEO,
    CampaignEvent.NEEDS_REVIEW: (RenderState.NEEDS_REVIEW,),
    CampaignEvent.FINISHED: WITHOUT_VIDEO,
}
"""Clips whose prompts are shown, where prompts were asked for."""


@dataclass(frozen=True)
class _Batch:
    """What this worker alone sends."""

    channel_id: UUID
    url_env: str
    lease_until: datetime
    delivery_ids: Sequence[tuple[UUID, int]]
    """With the tries before this one."""
    messages: Sequence[Message]


def deliver_notifications(context: Context) -> str:
    """Send what is due, channel by channel.

    Returns:
        What became of it, in a few words for people.
    """
    delivered = failed = 0
    for _ in range(_CHANNELS_AT_ONCE):
        batch = _take(context)
        if batch is None:
            break
        failpoint(Failpoint.TELLING)
        errors = _send(context, batch)
        failpoint(Failpoint.TOLD)
        _write(context, batch, errors)
        failed += sum(error is not None for error in errors)
        delivered += sum(error is None for error in errors)
    else:
        context.hints.notify_people()
    return f"delivered={delivered} failed={failed}" if delivered or failed else "nothing can be sent now: nothing done"


def url_of(context: Context, url_env: str) -> SecretStr | None:
    """A channel's URL, from the environment."""
    return SecretStr(url) if (url := context.environment.get(url_env, "").strip()) else None


def _send(context: Context, batch: _Batch) -> Sequence[str | None]:
    url = url_of(context, batch.url_env)
    if url is None:
        return [f"{batch.url_env} is not set for the workers that serve the queue notify" for _ in batch.messages]
    limit = context.settings.delivery.notification_timeout_seconds
    return send_all(url, batch.messages, context.settings, timeout_seconds=limit).errors


def _take(context: Context) -> _Batch | None:
    with context.sessions.begin() as session:
        if not session.scalars(select(func.pg_try_advisory_xact_lock(_LOCK))).one():
            return None
        now = context.clock.now(session)
        due = select(NotificationChannel).where(NotificationChannel.id.in_(due_channels(now)))
        oldest = due.order_by(NotificationChannel.held_until.nulls_first(), NotificationChannel.id).limit(1)
        channel = session.scalars(oldest.with_for_update(key_share=True)).one_or_none()
        if channel is None:
            return None
        channel.lease_until = until = now + timedelta(seconds=context.settings.delivery.notification_lease_seconds)
        waiting = session.execute(
            select(NotificationDelivery, Notice, Campaign, Tenant.name)
            .join(Notice, Notice.id == NotificationDelivery.notice_id)
            .outerjoin(Campaign, Campaign.id == Notice.campaign_id)
            .outerjoin(Tenant, Tenant.id == Campaign.tenant_id)
            .where(NotificationDelivery.channel_id == channel.id, NotificationDelivery.next_attempt_at <= now)
            .order_by(Notice.id)
            .limit(_AT_ONCE)
        ).all()
        return _Batch(
            channel.id,
            channel.url_env,
            until,
            [(delivery.id, delivery.attempt_count) for delivery, *_ in waiting],
            [_message(session, channel, notice, campaign, tenant) for _, notice, campaign, tenant in waiting],
        )


def _message(
    session: Session, channel: NotificationChannel, notice: Notice, campaign: Campaign | None, tenant: str | None
) -> Message:
    clips = _clips(session, notice) if channel.has_prompts and campaign is not None else []
    owner = tenant if channel.tenant_id is None else None
    return message_of(notice.kind, notice.facts, campaign=campaign.name if campaign else "", owner=owner, clips=clips)


def _clips(session: Session, notice: Notice) -> list[tuple[str, str]]:
    shown = _CLIPS_OF.get(CampaignEvent(notice.kind), ())
    found = (
        select(func.coalesce(RenderJob.custom_id, ""), RenderJob.prompt)
        .where(
            RenderJob.campaign_id == notice.campaign_id,
            RenderJob.superseded_at.is_(None),
            RenderJob.state.in_(shown),
            RenderJob.prompt.is_not(None),
        )
        .order_by(RenderJob.id)
        .limit(_CLIPS_SHOWN)
    )
    return [(name, prompt or "") for name, prompt in session.execute(found)]


def _write(context: Context, batch: _Batch, errors: Sequence[str | None]) -> None:
    limits = context.settings.delivery
    with context.sessions.begin() as session:
        now = context.clock.now(session)
        channel = session.get(NotificationChannel, batch.channel_id, with_for_update={"key_share": True})
        if channel is None:
            return  # it was removed meanwhile
        for (delivery_id, tries), error in zip(batch.delivery_ids, errors, strict=True):
            delivery = session.get_one(NotificationDelivery, delivery_id, with_for_update=True)
            # Else this worker was frozen past its lease, and the worker that took it over has written.
            if delivery.state is DeliveryState.PENDING and delivery.attempt_count == tries:
                _write_one(delivery, error, limits, now)
        if channel.lease_until == batch.lease_until:
            channel.lease_until = None
            channel.failure_count = 0 if None in errors else channel.failure_count + 1
            held = min(_back_off(channel.failure_count, limits), _LONGEST_HOLD) if channel.failure_count else None
            channel.held_until = now + held if held else None
            if held:
                log.warning("notification.failed", channel=channel.name, error=errors[-1])


def _write_one(delivery: NotificationDelivery, error: str | None, limits: DeliverySettings, now: datetime) -> None:
    delivery.attempt_count += 1
    delivery.last_error = error
    if error is None:
        delivery.state, delivery.next_attempt_at, delivery.finished_at = DeliveryState.DELIVERED, None, now
        return
    delivery.next_attempt_at = now + _back_off(delivery.attempt_count, limits)
    if now >= delivery.asked_at + timedelta(hours=limits.webhook_give_up_hours):
        delivery.state, delivery.next_attempt_at, delivery.finished_at = DeliveryState.DEAD, None, now
        log.error("notification.dead", delivery_id=str(delivery.id), attempts=delivery.attempt_count, error=error)


def _back_off(count: int, limits: DeliverySettings) -> timedelta:
    backoff = Backoff(limits.webhook_first_retry_seconds, limits.webhook_longest_retry_seconds, jitter=0.2)
    return timedelta(seconds=backoff.delay(count))
