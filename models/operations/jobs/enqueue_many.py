"""Storing many render jobs at once, all or none, in a handful of statements however many they are."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Final
from uuid import UUID

from sqlalchemy import Text, any_, column, func, literal, literal_column, select, text
from sqlalchemy.dialects.postgresql import ARRAY, JSONB, insert
from sqlalchemy.orm import Session

from models.base import new_id
from models.campaign import ensure_campaign
from models.operations.bulk_copy import REFERENCE_COLUMNS, new_job_values
from models.operations.jobs.enqueue import Enqueued, checked_columns, event_detail
from models.operations.jobs.request_rows import OPTION_ATTRIBUTES, references_of
from models.render_job import RenderJob
from reelqueue.errors import ReelqueueError
from reelqueue.requests.base import RenderRequest

_JOBS: Final = RenderJob.__table__
_COLUMN_NAMES: Final = {attribute.key: attribute.columns[0].name for attribute in RenderJob.__mapper__.column_attrs}
_BEGUN: Final = (
    "id", "tenant_id", "campaign_id", "idempotency_key", "request_sha256", "state", "mode", "start_by",
    "extra_options", "warnings", "created_at",
)  # fmt: skip
_OPTIONS: Final = {_COLUMN_NAMES[name] for name in OPTION_ATTRIBUTES.values()}
_STORED: Final = sorted(_OPTIONS | new_job_values().keys() | {*_BEGUN})
_ROWS: Final = json.JSONEncoder(default=str)
_REFERENCES: Final = text(
    f"INSERT INTO job_references ({', '.join(REFERENCE_COLUMNS)}) "  # noqa: S608 - names of columns
    f"SELECT {', '.join(REFERENCE_COLUMNS)} FROM jsonb_populate_recordset(NULL::job_references, CAST(:rows AS jsonb))"
)
_EVENTS: Final = text("""
INSERT INTO job_events (job_id, at, kind, to_state, detail)
SELECT job_id, :now, 'state', 'queued', CAST(:detail AS jsonb)
FROM unnest(CAST(:job_ids AS uuid[])) WITH ORDINALITY AS stored (job_id, number) ORDER BY number
""")


class KeyConflictError(ReelqueueError):
    """An idempotency key of a batch belongs to another request, of an earlier call or of the same batch."""

    def __init__(self, index: int, owner: str) -> None:
        super().__init__(index, owner)
        self.index = index
        """The job's place in the batch, from 0."""
        self.owner = owner
        """Whose the key is, in words."""

    def __str__(self) -> str:
        return (
            f"the key belongs to {self.owner}, which has another request; send the same request again, or choose a "
            "new key"
        )


@dataclass(frozen=True, slots=True)
class CheckedJob:
    """A request that can be sent, as the rows that it becomes."""

    idempotency_key: str | None
    columns: Mapping[str, Any]
    """Of `checked_columns`."""
    options: Mapping[str, Any]
    """Of the request."""
    id: UUID = field(default_factory=new_id)
    """Its own, if it is stored."""


def check_job(request: RenderRequest, idempotency_key: str | None) -> CheckedJob:
    """Build a request for the provider, so that nothing is stored that cannot be sent; needs no database.

    Raises:
        reelqueue.errors.InvalidRequestError: The model does not take the request.
    """
    options = request.options()
    return CheckedJob(idempotency_key, checked_columns(request, options), options)


def enqueue_render_jobs(
    session: Session, jobs: Sequence[CheckedJob], *, now: datetime, tenant_id: UUID, api_request_id: str | None = None
) -> list[Enqueued]:
    """Store jobs in state ``queued``, each once per idempotency key, in the order given.

    Args:
        session: In a transaction; the caller commits, then sends a dispatch hint, or rolls back on any error.
        jobs: Any number. Two with one key and one request are one job.
        now: Time of the request.
        tenant_id: Their owner, whose standing campaign they belong to.
        api_request_id: Of the call that brought them, kept in each job's first event; None: no call did.

    Returns:
        What became of each, by its place in *jobs*.

    Raises:
        KeyConflictError: A key belongs to another request.
    """
    by_key = _first_of_each_key(jobs)
    firsts = [job for job in jobs if job.idempotency_key is None or by_key[job.idempotency_key] is job]
    constants = {"tenant_id": tenant_id, "campaign_id": ensure_campaign(session, tenant_id), "created_at": now}
    stored = _insert_jobs(session, firsts, constants)
    new = [job for job in firsts if job.id in stored]
    _insert_references(session, new)
    names = {"job_ids": [job.id for job in new], "now": now, "detail": _ROWS.encode(event_detail(api_request_id))}
    session.execute(_EVENTS, names)
    ids = {key: job.id for key, job in by_key.items()} | _earlier(session, jobs, stored, by_key, tenant_id)
    return [
        Enqueued(job.id if job.idempotency_key is None else ids[job.idempotency_key], is_new=job.id in stored)
        for job in jobs
    ]


def _first_of_each_key(jobs: Sequence[CheckedJob]) -> dict[str, CheckedJob]:
    firsts: dict[str, tuple[int, CheckedJob]] = {}
    for index, job in enumerate(jobs):
        if job.idempotency_key is None:
            continue
        place, first = firsts.setdefault(job.idempotency_key, (index, job))
        if first.columns["request_sha256"] != job.columns["request_sha256"]:
            raise KeyConflictError(index, f"jobs.{place}")
    return {key: job for key, (_, job) in firsts.items()}


def _insert_jobs(session: Session, jobs: Iterable[CheckedJob], constants: Mapping[str, Any]) -> set[UUID]:
    """Insert the jobs whose keys are new; their ids."""
    shared = {**new_job_values(), **constants}
    rows = [
        shared
        | {_COLUMN_NAMES[name]: value for name, value in job.columns.items()}
        | {"id": job.id, "idempotency_key": job.idempotency_key}
        for job in jobs
    ]
    given = func.jsonb_populate_recordset(
        literal_column("NULL::render_jobs"), literal(_ROWS.encode(rows), Text).cast(JSONB)
    ).table_valued(*(column(name, _JOBS.columns[name].type) for name in _STORED), name="given")
    # In one order: two batches that share keys would else wait for each other.
    found = select(*(given.c[name] for name in _STORED)).order_by(given.c.idempotency_key, given.c.id)
    stored = (
        insert(RenderJob)
        .from_select(_STORED, found, include_defaults=False)
        .on_conflict_do_nothing(
            index_elements=["tenant_id", "idempotency_key"], index_where=RenderJob.idempotency_key.is_not(None)
        )
    )
    return set(session.scalars(stored.returning(RenderJob.id)))


def _insert_references(session: Session, jobs: Iterable[CheckedJob]) -> None:
    rows = [
        {name: getattr(reference, name) for name in REFERENCE_COLUMNS}
        for job in jobs
        for reference in references_of(job.id, job.options)
    ]
    if rows:
        session.execute(_REFERENCES, {"rows": _ROWS.encode(rows)})


def _earlier(
    session: Session,
    jobs: Sequence[CheckedJob],
    stored: set[UUID],
    by_key: Mapping[str, CheckedJob],
    tenant_id: UUID,
) -> dict[str, UUID]:
    """The jobs that other calls had stored, by their keys."""
    keys = [key for key, job in by_key.items() if job.id not in stored]
    query = select(RenderJob.idempotency_key, RenderJob.id, RenderJob.request_sha256).where(
        RenderJob.tenant_id == tenant_id, RenderJob.idempotency_key == any_(literal(keys, ARRAY(Text)))
    )
    found = {str(key): (job_id, digest) for key, job_id, digest in session.execute(query)} if keys else {}
    for index, job in enumerate(jobs):
        job_id, digest = found.get(job.idempotency_key or "", (None, None))
        if job_id is not None and digest != job.columns["request_sha256"]:
            raise KeyConflictError(index, f"render job {job_id}")
    return {key: job_id for key, (job_id, _) in found.items()}
