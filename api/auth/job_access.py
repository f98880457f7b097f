"""Which jobs a caller may see: its tenant's; on a server without keys, all."""

from __future__ import annotations

from typing import Annotated
from uuid import UUID

from fastapi import Depends, Path
from sqlalchemy import Select, select

from api.auth.authentication import Caller, caller
from api.dependencies import OpenSession
from api.problem_details import ProblemError
from models.render_job import RenderJob
from models.text_job import TextJob

JobId = Annotated[UUID, Path(description="The job's id.")]

CurrentCaller = Annotated[Caller, Depends(caller)]
"""Who makes the call."""


def visible_jobs(caller: Caller) -> Select[RenderJob]:
    """The jobs that *caller* may see."""
    query = select(RenderJob)
    if caller.tenant_id is not None:
        query = query.where(RenderJob.tenant_id == caller.tenant_id)
    return query


def find_job(job_id: JobId, session: OpenSession, caller: CurrentCaller) -> RenderJob:
    """The job named in the path.

    Raises:
        ProblemError: 404 where there is none or it is another's: a caller cannot tell which.
    """
    job = session.scalars(visible_jobs(caller).where(RenderJob.id == job_id)).one_or_none()
    if job is None:
        raise ProblemError(
            404, "job_not_found", f"there is no render job {job_id} that this caller may see", field="job_id"
        )
    return job


PathJob = Annotated[RenderJob, Depends(find_job)]
"""The job named in the path, if the caller may see it."""


def visible_texts(caller: Caller) -> Select[TextJob]:
    """The text jobs that *caller* may see."""
    query = select(TextJob)
    if caller.tenant_id is not None:
        query = query.where(TextJob.tenant_id == caller.tenant_id)
    return query


def find_text(job_id: JobId, session: OpenSession, caller: CurrentCaller) -> TextJob:
    """The text job named in the path.

    Raises:
        ProblemError: 404 where there is none or it is another's: a caller cannot tell which.
    """
    job = session.scalars(visible_texts(caller).where(TextJob.id == job_id)).one_or_none()
    if job is None:
        raise ProblemError(
            404, "job_not_found", f"there is no text job {job_id} that this caller may see", field="job_id"
        )
    return job


PathText = Annotated[TextJob, Depends(find_text)]
"""The text job named in the path, if the caller may see it."""
