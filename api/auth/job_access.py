"""Which jobs a caller may see: its tenant's; on a server without keys, all."""

from __future__ import annotations

from typing import Annotated, TypeVar
from uuid import UUID

from fastapi import Depends, Path
from sqlalchemy import ScalarResult, Select, select

from api.auth.authentication import Caller, caller
from api.dependencies import OpenSession
from api.problem_details import ProblemError
from models.render_job import RenderJob
from models.text_job import TextJob

J = TypeVar("J", RenderJob, TextJob)

JobId = Annotated[UUID, Path(description="The job's id.")]

CurrentCaller = Annotated[Caller, Depends(caller)]
"""Who makes the call."""


def visible(table: type[J], caller: Caller) -> Select[J]:
    """The jobs of one kind that *caller* may see."""
    query = select(table)
    if caller.tenant_id is not None:
        query = query.where(table.tenant_id == caller.tenant_id)
    return query


def find_job(job_id: JobId, session: OpenSession, caller: CurrentCaller) -> RenderJob:
    """The render job named in the path.

    Raises:
        ProblemError: 404 where there is none or it is another's: a caller cannot tell which.
    """
    return _found(session.scalars(visible(RenderJob, caller).where(RenderJob.id == job_id)), "render job", job_id)


def find_text(job_id: JobId, session: OpenSession, caller: CurrentCaller) -> TextJob:
    """The text job named in the path.

    Raises:
        ProblemError: 404 where there is none or it is another's: a caller cannot tell which.
    """
    return _found(session.scalars(visible(TextJob, caller).where(TextJob.id == job_id)), "text job", job_id)


def _found(rows: ScalarResult[J], kind: str, job_id: UUID) -> J:
    job = rows.one_or_none()
    if job is None:
        raise ProblemError(
            404, "job_not_found", f"there is no {kind} {job_id} that this caller may see", field="job_id"
        )
    return job


PathJob = Annotated[RenderJob, Depends(find_job)]
"""The render job named in the path, if the caller may see it."""

PathText = Annotated[TextJob, Depends(find_text)]
"""The text job named in the path, if the caller may see it."""
