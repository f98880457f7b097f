"""Many render jobs in one body, stored as one: what is wrong with any of them is named, and none is stored."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Annotated, Final
from uuid import UUID

from fastapi import Depends, Request
from pydantic import AliasChoices, BaseModel, ConfigDict, Field
from sqlalchemy.orm import Session

from api.http.request_body import JsonObject, options_of, render_request
from api.problem_details import JobProblem, ProblemError
from api.request_ids import current_request_id
from models.operations.jobs.enqueue import Enqueued
from models.operations.jobs.enqueue_many import CheckedJob, KeyConflictError, check_job, enqueue_render_jobs
from reelqueue.errors import InvalidRequestError
from reelqueue.requests.parse import parse_request
from reelqueue.schemas.jobs import JOBS_MAX

ERRORS_MAX: Final = 100
"""Jobs of a refused batch that are named."""


class JobOfMany(BaseModel):
    """One job of a batch."""

    model_config = ConfigDict(extra="forbid")

    request: JsonObject = Field(description="What `createJob` takes as its body.")
    idempotency_key: str | None = Field(
        default=None,
        min_length=1,
        max_length=255,
        pattern=r"^[!-~]+$",
        validation_alias=AliasChoices("idempotency_key", "idempotencyKey"),
        description="Any text of the caller's. The same key with the same request is the same job.",
    )


class JobsRequest(BaseModel):
    """Render jobs that are stored together, or not at all."""

    model_config = ConfigDict(extra="forbid")

    jobs: list[JobOfMany] = Field(min_length=1, max_length=JOBS_MAX, description="In the order of their turns.")


def checked_jobs(request: Request, body: Annotated[JsonObject, Depends(render_request)]) -> list[CheckedJob]:
    """The jobs of a body, each as it would be stored.

    Raises:
        ProblemError: The body is no batch, or some of its jobs cannot be rendered.
    """
    if "idempotency-key" in request.headers:  # it would be believed to hold for the batch, and to prevent a second one
        raise ProblemError(
            422,
            "key_of_a_batch",
            "a batch has no key; give each job its own in `idempotency_key`",
            field="idempotency-key",
        )
    checked: list[CheckedJob] = []
    problems: list[JobProblem] = []
    for index, job in enumerate(options_of(body, JobsRequest).jobs):
        try:
            checked.append(check_job(parse_request(job.request), job.idempotency_key))
        except InvalidRequestError as error:
            problems.append(JobProblem(index=index, code=error.code, detail=error.message, field=error.field))
    if problems:
        raise _refused(422, problems)
    return checked


def store_jobs(session: Session, jobs: Sequence[CheckedJob], *, now: datetime, tenant_id: UUID) -> list[Enqueued]:
    """Store the jobs of a body; the caller commits.

    Raises:
        ProblemError: 409 where a key belongs to another request.
    """
    try:
        return enqueue_render_jobs(session, jobs, now=now, tenant_id=tenant_id, api_request_id=current_request_id())
    except KeyConflictError as error:
        problem = JobProblem(
            index=error.index, code="idempotency_key_reused", detail=str(error), field="idempotency_key"
        )
        raise _refused(409, [problem]) from error


def _refused(status: int, problems: Sequence[JobProblem]) -> ProblemError:
    """The refusal of a batch, by its first problem."""
    first = problems[0]
    place = f"jobs.{first.index}" if first.code == "idempotency_key_reused" else f"jobs.{first.index}.request"
    others = f" ({len(problems) - 1} more of its jobs cannot be rendered)" if len(problems) > 1 else ""
    return ProblemError(
        status,
        first.code,
        f"{place}: {first.detail}{others}; nothing was stored",
        field=f"{place}.{first.field}" if first.field else place,
        errors=problems[:ERRORS_MAX],
    )
