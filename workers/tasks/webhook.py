"""Telling receivers what happened."""

from __future__ import annotations

from uuid import UUID

from reelqueue import messages
from workers.app import app
from workers.resources import context
from workers.webhooks.deliver import deliver_webhooks


@app.task(name=messages.WEBHOOK_DELIVER)
def deliver_task(endpoint_id: str) -> str:
    """Post what is due at one webhook endpoint."""
    return deliver_webhooks(context(), UUID(endpoint_id))
