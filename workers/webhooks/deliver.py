"""Notify: post what happened to webhook endpoints, until each has answered for it.

An endpoint is a lane: one worker at a time posts what is due there, a handful at once, and what fails holds the
endpoint back, so a receiver that does not answer costs one time limit per back-off and delays no other. A
receiver may be told twice, always under the same id: a worker can die between the answer and its commit.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final
from uuid import UUID

import structlog
from pydantic import SecretStr
from sqlalchemy import Select, exists, or_, select
from sqlalchemy.orm import Session

from models.campaign import Campaign
from models.notice import Notice
from models.operations.jobs.transitions import record
from models.operations.webhooks.endpoints import derive_secret, secret_sha256
from models.render_job import RenderJob
from models.text_job import TextJob
from models.webhook_delivery import WebhookDelivery
from models.webhook_endpoint import WebhookEndpoint
from reelqueue.backoff import Backoff
from reelqueue.states import RenderState
from reelqueue.webhooks import EXPIRING_KIND, DeliveryState, EventCampaign, EventData, EventFailure, WebhookEvent
from workers.failpoints import Failpoint, failpoint
from workers.runtime.context import Context
from workers.settings import DeliverySettings
from workers.webhooks.http_post import OutgoingEvent, Response, post_all

log = structlog.get_logger(__name__)

_AT_ONCE: Final = 8
_UNSIGNABLE_HOLD: Final = timedelta(minutes=1)
# An event that its receiver cannot bear looks like a receiver that is down, and must not hold others up for an hour.
_LONGEST_HOLD: Final = timedelta(minutes=5)
_GONE: Final = 410


@dataclass(frozen=True)
class _Batch:
    """What this worker alone posts."""

    endpoint_id: UUID
    url: str
    secret: SecretStr
    at: datetime
    lease_until: datetime
    letters: Sequence[OutgoingEvent]


def deliver_webhooks(context: Context, endpoint_id: UUID) -> str:
    """Post what is due at an endpoint, a batch of it.

    Returns:
        What became of it, in a few words for people.
    """
    batch = _take(context, endpoint_id)
    if batch is None:
        return "nothing can be posted now: nothing done"
    failpoint(Failpoint.NOTIFYING)
    limits = context.settings.delivery
    answers = context.host.run(
        post_all(
            batch.url,
            batch.letters,
            batch.secret,
            at=batch.at,
            private_hosts=limits.private_hosts,
            own_networks=context.settings.provider.networks,
            timeout_seconds=limits.webhook_timeout_seconds,
            transport=limits.webhook_http_transport() if limits.webhook_http_transport else None,
        )
    )
    failpoint(Failpoint.NOTIFIED)
    if _write(context, batch, answers):
        context.hints.notify(endpoint_id)
    delivered = sum(answer.is_success for answer in answers)
    return f"delivered={delivered} failed={len(answers) - delivered}"


def hint_webhooks(context: Context, job_id: UUID) -> None:
    """Send a hint for each endpoint that subscribes to a job, of any kind; the sweep would be seconds later."""
    due = select(WebhookDelivery.endpoint_id).where(
        or_(WebhookDelivery.job_id == job_id, WebhookDelivery.text_job_id == job_id),
        WebhookDelivery.next_attempt_at.is_not(None),
    )
    with context.sessions() as session:
        endpoints = session.scalars(due.distinct()).all()
    for endpoint_id in endpoints:
        context.hints.notify(endpoint_id)


def due_endpoints(now: datetime) -> Select[UUID]:
    """The endpoints to which something can be posted now."""
    return select(WebhookEndpoint.id).where(
        WebhookEndpoint.disabled_at.is_(None),
        WebhookEndpoint.deleted_at.is_(None),
        or_(WebhookEndpoint.held_until.is_(None), WebhookEndpoint.held_until <= now),
        or_(WebhookEndpoint.lease_until.is_(None), WebhookEndpoint.lease_until <= now),
        exists().where(WebhookDelivery.endpoint_id == WebhookEndpoint.id, WebhookDelivery.next_attempt_at <= now),
    )


def _take(context: Context, endpoint_id: UUID) -> _Batch | None:
    limits = context.settings.delivery
    with context.sessions.begin() as session:
        now = context.clock.now(session)
        mine = select(WebhookEndpoint).where(
            WebhookEndpoint.id == endpoint_id, WebhookEndpoint.id.in_(due_endpoints(now))
        )
        # Not FOR UPDATE: events that are being written hold the row's key, and must not wait for us.
        endpoint = session.scalars(mine.with_for_update(key_share=True, skip_locked=True)).one_or_none()
        if endpoint is None:
            return None
        secret = _secret(endpoint, limits.webhook_key)
        if secret is None:
            endpoint.held_until = now + _UNSIGNABLE_HOLD
            return None
        endpoint.lease_until = until = now + timedelta(seconds=limits.lease_seconds)
        return _Batch(endpoint_id, endpoint.url, secret, now, until, _letters(session, endpoint_id, now))


def _secret(endpoint: WebhookEndpoint, key: SecretStr | None) -> SecretStr | None:
    secret = derive_secret(key, endpoint.id) if key else None
    if secret is None or secret_sha256(secret) != endpoint.secret_sha256:
        seen = "is not set for the workers" if secret is None else "is not the one that the endpoint was made with"
        log.error(
            "webhook.not_signed",
            endpoint_id=str(endpoint.id),
            error=f"REELQUEUE_WEBHOOK_KEY {seen}",
            remedy="give the API and all workers the same key; for a new key, create the endpoints again",
        )
        return None
    return secret


def _letters(session: Session, endpoint_id: UUID, now: datetime) -> list[OutgoingEvent]:
    due = (
        select(WebhookDelivery, RenderJob, TextJob, Notice, Campaign)
        .outerjoin(RenderJob, RenderJob.id == WebhookDelivery.job_id)
        .outerjoin(TextJob, TextJob.id == WebhookDelivery.text_job_id)
        .outerjoin(Notice, Notice.id == WebhookDelivery.notice_id)
        .outerjoin(Campaign, Campaign.id == Notice.campaign_id)
        .where(WebhookDelivery.endpoint_id == endpoint_id, WebhookDelivery.next_attempt_at <= now)
        .order_by(WebhookDelivery.next_attempt_at, WebhookDelivery.id)
        .limit(_AT_ONCE)
    )
    return [
        OutgoingEvent(delivery.id, delivery.attempt_count, _event(delivery, job, text_job, notice, campaign))
        for delivery, job, text_job, notice, campaign in session.execute(due)
    ]


def _event(
    delivery: WebhookDelivery,
    job: RenderJob | None,
    text_job: TextJob | None,
    notice: Notice | None,
    campaign: Campaign | None,
) -> WebhookEvent:
    data = EventData()
    if text_job is not None:
        data = _of_text_job(text_job)
    elif notice is not None and campaign is not None:
        data = EventData(campaign=EventCampaign(id=campaign.id, name=campaign.name, **notice.facts))
    elif job is not None:
        data = _of_job(delivery, job)
    return WebhookEvent(id=str(delivery.id), type=delivery.kind, timestamp=delivery.occurred_at, data=data)


def _of_job(delivery: WebhookDelivery, job: RenderJob) -> EventData:
    """The job as it was when it happened: one that was collected late has moved on since."""
    if delivery.kind == EXPIRING_KIND:
        return EventData(job_id=job.id, custom_id=job.custom_id)
    state = RenderState(delivery.kind.partition(".")[2])
    failed = job.state is state and job.failure_class is not None
    failure = EventFailure(failure_class=job.failure_class, code=job.failure_code) if failed else None
    return EventData(job_id=job.id, custom_id=job.custom_id, state=state, failure=failure)


def _of_text_job(job: TextJob) -> EventData:
    failed = job.failure_class is not None
    failure = EventFailure(failure_class=job.failure_class, code=job.failure_code) if failed else None
    return EventData(text_job_id=job.id, custom_id=job.custom_id, state=job.state, failure=failure)


def _write(context: Context, batch: _Batch, answers: Sequence[Response]) -> bool:
    """Store what the receiver said; whether more can be posted now."""
    limits = context.settings.delivery
    with context.sessions.begin() as session:
        now = context.clock.now(session)
        endpoint = session.get_one(WebhookEndpoint, batch.endpoint_id, with_for_update={"key_share": True})
        for letter, answer in zip(batch.letters, answers, strict=True):
            delivery = session.get_one(WebhookDelivery, letter.delivery_id, with_for_update=True)
            # Else this worker was frozen past its lease, and the worker that took it over has written.
            if delivery.state is DeliveryState.PENDING and delivery.attempt_count == letter.attempt_count:
                _write_one(session, delivery, answer, limits, now)
        if endpoint.lease_until == batch.lease_until:
            _judge(endpoint, answers, limits, now)
        session.flush()
        return session.scalars(due_endpoints(now).where(WebhookEndpoint.id == endpoint.id)).one_or_none() is not None


def _write_one(
    session: Session, delivery: WebhookDelivery, answer: Response, limits: DeliverySettings, now: datetime
) -> None:
    delivery.attempt_count += 1
    delivery.last_status, delivery.last_error = answer.status, answer.error
    if answer.is_success:
        delivery.state, delivery.next_attempt_at, delivery.finished_at = DeliveryState.DELIVERED, None, now
        return
    delivery.next_attempt_at = now + _back_off(delivery.attempt_count, limits)
    if now < delivery.asked_at + timedelta(hours=limits.webhook_give_up_hours):
        return
    delivery.state, delivery.next_attempt_at, delivery.finished_at = DeliveryState.DEAD, None, now
    log.error("webhook.dead", delivery_id=str(delivery.id), attempts=delivery.attempt_count, error=answer.error)
    if delivery.job_id is not None:
        detail = {"webhook": str(delivery.id), "attempts": delivery.attempt_count, "seen": answer.error}
        record(session, delivery.job_id, "alarm", now=now, detail=detail)


def _judge(endpoint: WebhookEndpoint, answers: Sequence[Response], limits: DeliverySettings, now: datetime) -> None:
    """Free the endpoint, hold it back, or disable it."""
    endpoint.lease_until = None
    if any(answer.status == _GONE for answer in answers):
        endpoint.disabled_at, endpoint.disabled_reason = now, "the receiver answered HTTP 410 Gone"
        log.warning("webhook.disabled", endpoint_id=str(endpoint.id), reason=endpoint.disabled_reason)
    elif not all(answer.is_unavailable for answer in answers):
        endpoint.failure_count, endpoint.held_until = 0, None
    else:
        endpoint.failure_count += 1
        asked = timedelta(seconds=max(answer.retry_after_seconds for answer in answers))
        longest = timedelta(seconds=limits.webhook_longest_retry_seconds)
        endpoint.held_until = now + max(
            min(_back_off(endpoint.failure_count, limits), _LONGEST_HOLD), min(asked, longest)
        )


def _back_off(count: int, limits: DeliverySettings) -> timedelta:
    backoff = Backoff(limits.webhook_first_retry_seconds, limits.webhook_longest_retry_seconds, jitter=0.2)
    return timedelta(seconds=backoff.delay(count))
