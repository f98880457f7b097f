"""Requests from producers that speak Celery."""

from __future__ import annotations

from typing import Any

from reelqueue import messages
from workers.app import app
from workers.intake import take_in, take_in_text
from workers.resources import context


# Its arguments hold the prompt, and its senders describe them as Celery does: in full.
@app.task(name=messages.INTAKE_ENQUEUE, shows_arguments=False, ignore_result=False)
def enqueue_task(request: object = None, idempotency_key: object = None) -> dict[str, Any]:
    """Store a request as a render job, once per key; both are required.

    Returns:
        ``{"job_id": …, "is_new": …}``, also as the task's result for its producer.
    """
    stored = take_in(context(), request, idempotency_key)
    return {"job_id": str(stored.job_id), "is_new": stored.is_new}


# As above: a question is as private as a prompt.
@app.task(name=messages.INTAKE_ENQUEUE_TEXT, shows_arguments=False, ignore_result=False)
def enqueue_text_task(request: object = None, idempotency_key: object = None) -> dict[str, Any]:
    """Store a request as a text job, once per key; both are required.

    Returns:
        ``{"job_id": …, "is_new": …}``, also as the task's result for its producer.
    """
    stored = take_in_text(context(), request, idempotency_key)
    return {"job_id": str(stored.job_id), "is_new": stored.is_new}
