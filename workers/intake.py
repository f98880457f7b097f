"""Requests that come over the broker, from producers that speak Celery."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from models.enqueue import Enqueued, enqueue_render_job
from reelqueue.requests import parse_request
from workers.services import Services


def take_in(services: Services, request: Mapping[str, Any], idempotency_key: str) -> Enqueued:
    """Store one request, commit, then hint.

    Raises:
        reelqueue.errors.InvalidRequestError: The request cannot be rendered; nothing was stored.
        models.enqueue.IdempotencyConflictError: The key belongs to another request.
    """
    parsed = parse_request(request)
    with services.sessions.begin() as session:
        stored = enqueue_render_job(session, parsed, now=services.clock.now(session), idempotency_key=idempotency_key)
    services.hints.dispatch()
    return stored
