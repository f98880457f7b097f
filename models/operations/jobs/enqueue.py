"""Storing a render job: what the API, the broker's intake and campaigns have in common."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import select
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.orm import Session

from models.base import new_id
from models.campaign import ensure_campaign
from models.operations.jobs.request_rows import columns_of, references_of, request_sha256
from models.operations.jobs.transitions import record
from models.render_job import RenderJob
from models.tenant import ensure_tenant
from reelqueue.builder import build
from reelqueue.errors import ReelqueueError
from reelqueue.requests.base import RenderRequest
from reelqueue.states import RenderState


class IdempotencyConflictError(ReelqueueError):
    """An idempotency key came back with another request."""

    def __init__(self, idempotency_key: str, job_id: UUID, kind: str = "render job") -> None:
        super().__init__(idempotency_key, job_id, kind)
        self.idempotency_key = idempotency_key
        self.job_id = job_id
        self.kind = kind

    def __str__(self) -> str:
        return (
            f"idempotency key {self.idempotency_key!r} belongs to {self.kind} {self.job_id}, which has another "
            "request; send the same request again, or choose a new key"
        )


@dataclass(frozen=True)
class Enqueued:
    """What became of an enqueue."""

    job_id: UUID
    is_new: bool
    """False if the idempotency key had stored it before."""


def enqueue_render_job(
    session: Session,
    request: RenderRequest,
    *,
    now: datetime,
    idempotency_key: str | None = None,
    tenant_id: UUID | None = None,
    campaign_id: UUID | None = None,
    api_request_id: str | None = None,
) -> Enqueued:
    """Store a job in state ``queued``, once per idempotency key.

    Args:
        session: In a transaction; the caller commits, then sends a dispatch hint.
        request: A parsed request; it is built for the provider here, so that nothing is stored that
            cannot be sent.
        now: Time of the request.
        idempotency_key: The producer's; None: each call is a new job.
        tenant_id: Its owner; None: it came over the broker or from this machine.
        campaign_id: A campaign of the owner's; None: the standing one.
        api_request_id: Of the call that brought it, kept in the job's first event; None: no call did.

    Raises:
        reelqueue.errors.InvalidRequestError: The model does not take the request.
        IdempotencyConflictError: The key belongs to a job with another request.
    """
    owner_id = tenant_id or ensure_tenant(session)
    options = request.options()
    values = checked_columns(request, options) | {
        "id": new_id(),
        "tenant_id": owner_id,
        "campaign_id": campaign_id or ensure_campaign(session, owner_id),
        "idempotency_key": idempotency_key,
        "created_at": now,
    }
    stored = (
        insert(RenderJob)
        .values(values)
        .on_conflict_do_nothing(
            index_elements=["tenant_id", "idempotency_key"], index_where=RenderJob.idempotency_key.is_not(None)
        )
    )
    if session.scalars(stored.returning(RenderJob.id)).one_or_none() is None:
        return _existing(session, str(idempotency_key), owner_id, values["request_sha256"])
    session.add_all(references_of(values["id"], options))
    detail = event_detail(api_request_id)
    record(session, values["id"], "state", now=now, to_state=RenderState.QUEUED, detail=detail)
    session.flush()
    return Enqueued(values["id"], is_new=True)


def checked_columns(request: RenderRequest, options: Mapping[str, Any]) -> dict[str, Any]:
    """The columns of a queued job that its request decides, by attribute.

    Raises:
        reelqueue.errors.InvalidRequestError: The model does not take the request.
    """
    return columns_of(request, options) | {
        "request_sha256": request_sha256(request, options),
        "warnings": list(build(request).warnings),
        "state": RenderState.QUEUED,
    }


def event_detail(api_request_id: str | None) -> dict[str, Any]:
    """What a job's first event says beside its state."""
    return {} if api_request_id is None else {"api_request_id": api_request_id}


def _existing(session: Session, idempotency_key: str, tenant_id: UUID, digest: str) -> Enqueued:
    job_id, stored = session.execute(
        select(RenderJob.id, RenderJob.request_sha256).where(
            RenderJob.idempotency_key == idempotency_key, RenderJob.tenant_id == tenant_id
        )
    ).one()
    if stored != digest:
        raise IdempotencyConflictError(idempotency_key, job_id)
    return Enqueued(job_id, is_new=False)
