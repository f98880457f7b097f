"""Requests from producers that speak Celery."""

from __future__ import annotations

from typing import Any

from celery.worker.request import Request

from reelqueue import messages
from workers.app import app
from workers.intake import take_in
from workers.resources import services


class _QuietRequest(Request):  # type: ignore[misc]
    """A request whose arguments nobody shows: they hold a prompt, and Flower is open to many eyes."""

    @property
    def argsrepr(self) -> str:
        return "()"

    @property
    def kwargsrepr(self) -> str:
        return "{'request': …}"


class _QuietTask(app.Task):  # type: ignore[misc]
    Request = _QuietRequest


@app.task(name=messages.INTAKE_ENQUEUE, base=_QuietTask, ignore_result=False)
def enqueue_task(request: dict[str, Any], idempotency_key: str) -> dict[str, Any]:
    """Store a request as a render job, once per key.

    Returns:
        ``{"job_id": …, "is_new": …}``, also as the task's result for its producer.
    """
    stored = take_in(services(), request, idempotency_key)
    return {"job_id": str(stored.job_id), "is_new": stored.is_new}
