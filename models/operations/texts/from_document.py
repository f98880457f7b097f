"""Storing a text job that came as a JSON object: over the API, or over the broker."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from uuid import UUID

from sqlalchemy.orm import Session

from models.operations.jobs.enqueue import Enqueued
from models.operations.texts.enqueue import TextJobOptions, enqueue_text_job
from models.text_job import OnLostAnswer
from reelqueue.texts.text_job import parse_text_job


def enqueue_text_document(
    session: Session,
    document: Mapping[str, object],
    *,
    now: datetime,
    idempotency_key: str | None = None,
    tenant_id: UUID | None = None,
) -> Enqueued:
    """Store a text job in state ``queued``, once per idempotency key.

    Args:
        session: In a transaction; the caller commits, then sends a hint.
        document: What `reelqueue.texts.text_job.parse_text_job` reads.
        now: Time of the request.
        idempotency_key: The producer's; None: each call is a new job.
        tenant_id: Its owner; None: it came over the broker or from this machine.

    Raises:
        reelqueue.errors.InvalidRequestError: The model does not take the request, or a limit does not cover it.
        models.operations.jobs.enqueue.IdempotencyConflictError: The key belongs to a job with another request.
    """
    request, told = parse_text_job(document)
    options = TextJobOptions(
        priority=told.priority,
        is_streamed=told.stream,
        is_batched=told.batch,
        on_lost_answer=OnLostAnswer(told.on_lost_answer),
        max_cost=None if told.max_cost is None else (told.max_cost.amount, told.max_cost.currency),
        start_by=told.start_by,
        custom_id=told.custom_id,
        metadata=told.metadata,
    )
    return enqueue_text_job(session, request, options, now=now, idempotency_key=idempotency_key, tenant_id=tenant_id)
