"""Storing a render job: what the API, the broker's intake and campaigns have in common."""

from __future__ import annotations

import hashlib
import itertools
import json
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final
from uuid import UUID

from sqlalchemy import select
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.orm import Session

from models.base import new_id
from models.campaign import ensure_campaign
from models.job_reference import JobReference, ReferenceRole
from models.operations.jobs.transitions import record
from models.render_job import RenderJob
from models.tenant import ensure_tenant
from reelqueue.builder import build
from reelqueue.campaigns.clips import continued_image
from reelqueue.errors import InvalidRequestError, ReelqueueError
from reelqueue.requests.base import RenderRequest
from reelqueue.requests.parse import parse_request
from reelqueue.states import RenderState

OPTION_COLUMNS: Final = frozenset(
    {
        "model", "mode", "prompt", "negative_prompt", "audio_url", "resolution", "ratio", "duration", "seed",
        "prompt_extend", "shot_type", "watermark", "audio", "poll_interval_ms", "poll_timeout_ms", "on_timeout",
        "custom_id", "priority",
    }
)  # fmt: skip
"""Options that have a column of their own name; the rest of a request is in `extra_options`."""
_ELSEWHERE: Final = OPTION_COLUMNS | {role.value for role in ReferenceRole} | {"metadata", "start_by"}
_CANONICAL: Final = json.JSONEncoder(sort_keys=True, separators=(",", ":"))


class IdempotencyConflictError(ReelqueueError):
    """An idempotency key came back with another request."""

    def __init__(self, idempotency_key: str, job_id: UUID) -> None:
        super().__init__(idempotency_key, job_id)
        self.idempotency_key = idempotency_key
        self.job_id = job_id

    def __str__(self) -> str:
        return (
            f"idempotency key {self.idempotency_key!r} belongs to render job {self.job_id}, which has another request; "
            "send the same request again, or choose a new key"
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
    values = columns_of(request, options)
    values |= {
        "id": new_id(),
        "tenant_id": owner_id,
        "campaign_id": campaign_id or ensure_campaign(session, owner_id),
        "idempotency_key": idempotency_key,
        "request_sha256": request_sha256(request, options),
        "warnings": list(build(request).warnings),
        "state": RenderState.QUEUED,
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
    detail = {} if api_request_id is None else {"api_request_id": api_request_id}
    record(session, values["id"], "state", now=now, to_state=RenderState.QUEUED, detail=detail)
    session.flush()
    return Enqueued(values["id"], is_new=True)


def request_sha256(request: RenderRequest, options: Mapping[str, Any]) -> str:
    """Hex SHA-256 of a request as canonical JSON: equal for equal requests, whatever their spelling.

    Args:
        request: The request.
        options: Its `options`, which are asked for once a job.
    """
    return hashlib.sha256(_CANONICAL.encode({**options, "mode": request.mode}).encode()).hexdigest()


def to_request(job: RenderJob, references: Iterable[JobReference], *, first_frame: str | None = None) -> RenderRequest:
    """The request that was stored, ready to be built for the provider.

    Args:
        job: The job.
        references: Its references by position.
        first_frame: Of a continued clip; None takes a placeholder, as the picture stands in the archive.
    """
    options: dict[str, Any] = {name: getattr(job, name) for name in OPTION_COLUMNS} | job.extra_options
    options |= {"metadata": job.job_metadata, "start_by": job.start_by}
    if job.is_continued:
        options["image"] = first_frame or continued_image("")
    for reference in references:
        match reference.role:
            case ReferenceRole.IMAGE | ReferenceRole.LAST_FRAME:
                options[reference.role] = reference.url
            case ReferenceRole.REFERENCE:
                options.setdefault(reference.role, []).append(reference.url)
            case ReferenceRole.MEDIA:
                item = {"type": reference.media_type, "url": reference.url, "reference_voice": reference.voice_url}
                options.setdefault(reference.role, []).append({key: value for key, value in item.items() if value})
    return _parse_stored({name: value for name, value in options.items() if value is not None})


def _parse_stored(options: dict[str, Any]) -> RenderRequest:
    try:
        return parse_request(options)
    except InvalidRequestError as error:
        if error.code not in {"option_in_raw", "reserved_header"}:
            raise
    # The row is older than those rules. Its raw is sent as it was stored, and priced as it is sent; its headers are
    # kept, and not sent.
    kept: dict[str, Any] = {name: options.pop(name) for name in ("raw", "headers") if name in options}
    return parse_request(options).model_copy(update=kept)


def _existing(session: Session, idempotency_key: str, tenant_id: UUID, digest: str) -> Enqueued:
    job_id, stored = session.execute(
        select(RenderJob.id, RenderJob.request_sha256).where(
            RenderJob.idempotency_key == idempotency_key, RenderJob.tenant_id == tenant_id
        )
    ).one()
    if stored != digest:
        raise IdempotencyConflictError(idempotency_key, job_id)
    return Enqueued(job_id, is_new=False)


def columns_of(request: RenderRequest, options: Mapping[str, Any]) -> dict[str, Any]:
    """The columns of a job that its request fills, by attribute.

    Args:
        request: The request.
        options: Its `options`, which are asked for once a job.
    """
    values = {name: value for name, value in options.items() if name in OPTION_COLUMNS}
    values |= {"mode": request.mode, "job_metadata": options.get("metadata"), "start_by": request.start_by}
    values["extra_options"] = {name: value for name, value in options.items() if name not in _ELSEWHERE}
    return values


def places_of(options: Mapping[str, Any]) -> Iterator[str]:
    """Where each of `references_of` stands among a request's options: ``image``, ``reference_urls.1``."""
    for role in ReferenceRole:
        given = options.get(role, [])
        yield from (f"{role}.{index}" for index in range(len(given))) if isinstance(given, list) else (role.value,)


def references_of(job_id: UUID, options: Mapping[str, Any]) -> Iterator[JobReference]:
    """The rows of the pictures, clips and sounds among a request's options."""
    position = itertools.count()
    for role in ReferenceRole:
        given = options.get(role, [])
        for item in given if isinstance(given, list) else [given]:
            media = item if isinstance(item, dict) else {"url": item}
            yield JobReference(
                job_id=job_id,
                position=next(position),
                role=role,
                media_type=media.get("type"),
                url=media["url"],
                voice_url=media.get("reference_voice"),
            )
