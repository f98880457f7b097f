"""Webhooks: event payloads and signature verification for receivers.

The messages keep to the Standard Webhooks specification (https://www.standardwebhooks.com, read 2026-11), so its
libraries verify them too. A receiver in Python::

    from reelqueue.webhooks import verify

    event = verify(body, headers, secret)  # raises WebhookVerificationError
    if is_new(event.id):  # the same event may come more than once
        job = client.get(event.data.job_id)
"""

from __future__ import annotations

from reelqueue.webhooks._endpoints import (
    DeliveryState,
    WebhookDeliveries,
    WebhookDelivery,
    WebhookEndpoint,
    WebhookEndpoints,
    WebhookSecret,
)
from reelqueue.webhooks._events import (
    EXPIRING_KIND,
    TEST_KIND,
    CampaignEvent,
    EventCampaign,
    EventData,
    EventFailure,
    EventMoney,
    WebhookEvent,
    kind_of,
    text_kind_of,
)
from reelqueue.webhooks._signature import SECRET_PREFIX, WebhookVerificationError, sign, verify

__all__ = [
    "EXPIRING_KIND",
    "SECRET_PREFIX",
    "TEST_KIND",
    "CampaignEvent",
    "DeliveryState",
    "EventCampaign",
    "EventData",
    "EventFailure",
    "EventMoney",
    "WebhookDeliveries",
    "WebhookDelivery",
    "WebhookEndpoint",
    "WebhookEndpoints",
    "WebhookEvent",
    "WebhookSecret",
    "WebhookVerificationError",
    "kind_of",
    "sign",
    "text_kind_of",
    "verify",
]
