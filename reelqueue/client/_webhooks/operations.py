"""The operations of both clients on webhook endpoints."""

from __future__ import annotations

import json
from typing import Final
from uuid import UUID

from reelqueue.client._answers import read
from reelqueue.client._steps import Send, Steps, deadline, exchange
from reelqueue.webhooks import WebhookDeliveries, WebhookDelivery, WebhookEndpoint, WebhookEndpoints, WebhookSecret

_PATH: Final = "/v1/webhooks"
_JSON: Final = {"Content-Type": "application/json"}


def make(url: str) -> Steps[WebhookSecret]:
    """Make an endpoint; one try, because a second one would make a second endpoint."""
    step = Send("POST", _PATH, {}, json.dumps({"url": url}).encode(), _JSON)
    return read(WebhookSecret, (yield from exchange(step, give_up_at=deadline(0))))


def listed(retry_seconds: float) -> Steps[WebhookEndpoints]:
    """Every endpoint."""
    return read(WebhookEndpoints, (yield from exchange(Send("GET", _PATH), give_up_at=deadline(retry_seconds))))


def delete(endpoint_id: UUID, retry_seconds: float) -> Steps[None]:
    """Delete an endpoint."""
    yield from exchange(Send("DELETE", f"{_PATH}/{endpoint_id}"), give_up_at=deadline(retry_seconds))


def enable(endpoint_id: UUID, retry_seconds: float) -> Steps[WebhookEndpoint]:
    """Tell an endpoint again what happens."""
    step = Send("POST", f"{_PATH}/{endpoint_id}/enable")
    return read(WebhookEndpoint, (yield from exchange(step, give_up_at=deadline(retry_seconds))))


def try_out(endpoint_id: UUID) -> Steps[WebhookDelivery]:
    """Post a test event; one try, because each is an event of its own."""
    step = Send("POST", f"{_PATH}/{endpoint_id}/test")
    return read(WebhookDelivery, (yield from exchange(step, give_up_at=deadline(0))))


def deliveries(endpoint_id: UUID, limit: int, before: UUID | None, retry_seconds: float) -> Steps[WebhookDeliveries]:
    """What an endpoint was told."""
    params = {"limit": str(limit)} | ({"before": str(before)} if before else {})
    step = Send("GET", f"{_PATH}/{endpoint_id}/deliveries", params)
    return read(WebhookDeliveries, (yield from exchange(step, give_up_at=deadline(retry_seconds))))


def redeliver(endpoint_id: UUID, delivery_id: UUID, retry_seconds: float) -> Steps[WebhookDelivery]:
    """Post an event once more."""
    step = Send("POST", f"{_PATH}/{endpoint_id}/deliveries/{delivery_id}/redeliver")
    return read(WebhookDelivery, (yield from exchange(step, give_up_at=deadline(retry_seconds))))
