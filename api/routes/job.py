"""One render job: read, why it waits, cancel, history."""

from __future__ import annotations

from typing import Annotated, Literal

from fastapi import APIRouter, Depends, Query
from pydantic import BaseModel, ConfigDict, Field
from sqlalchemy import select

from api.auth.job_access import PathJob
from api.dependencies import OpenClock, OpenContext, OpenSession
from api.http.openapi import body_of
from api.http.request_body import JsonObject, optional_json_object, options_of
from api.problem_details import ProblemError, documented
from api.views.events import event_view
from api.views.jobs import job_view
from models.job_event import JobEvent
from models.operations.jobs.cancel import request_cancel
from models.operations.waiting.why import why
from reelqueue.schemas.jobs import Job, JobEvents
from reelqueue.schemas.why import Why

router = APIRouter(prefix="/v1/jobs/{job_id}", tags=["jobs"])


class CancelOptions(BaseModel):
    """How to cancel."""

    model_config = ConfigDict(extra="forbid")

    running: Literal["finish", "abandon"] = Field(
        default="finish",
        description="A video that the provider is rendering cannot be stopped and is billed: `finish` collects it "
        "after all, `abandon` leaves it there.",
    )


@router.get("", responses=documented(401, 403, 404, 422, 503))
def get_job(job: PathJob, session: OpenSession, context: OpenContext) -> Job:
    """One job."""
    return job_view(session, job, region=context.region)


@router.get("/why", responses=documented(401, 403, 404, 422, 503))
def explain_wait(job: PathJob, session: OpenSession, clock: OpenClock) -> Why:
    """What a job waits for, and what changes that.

    It asks the rules by which queued jobs get their slots, so it takes longer than `GET /v1/jobs/{job_id}`.
    """
    return why(session, job, now=clock(), is_operator=False)


@router.post(
    "/cancel",
    responses=documented(400, 401, 403, 404, 408, 409, 413, 415, 422, 503),
    openapi_extra=body_of(CancelOptions, is_required=False),
)
def cancel_job(
    # Before the job, so that no connection is held while a body trickles in.
    body: Annotated[JsonObject, Depends(optional_json_object)],
    job: PathJob,
    session: OpenSession,
    clock: OpenClock,
    context: OpenContext,
) -> Job:
    """Stop a job; what the provider has begun to render is billed all the same.

    A job that was cancelled before is answered for again.
    """
    options = options_of(body, CancelOptions)
    is_stopping = request_cancel(session, job.id, now=clock(), abandon_running=options.running == "abandon")
    context.commit_and_hint(session)
    session.refresh(job)
    if not is_stopping and job.cancel_requested_at is None:
        raise ProblemError(409, "not_cancellable", f"render job {job.id} is {job.state} and past stopping")
    return job_view(session, job, region=context.region)


@router.get("/events", responses=documented(401, 403, 404, 422, 503))
def list_job_events(
    job: PathJob,
    session: OpenSession,
    after: Annotated[int, Query(ge=0, le=2**63 - 1, description="Events behind this id.")] = 0,
    limit: Annotated[int, Query(ge=1, le=1000, description="Events on a page.")] = 200,
) -> JobEvents:
    """What happened to a job, oldest first; `GET /v1/jobs/{job_id}/stream` sends the job as it goes."""
    query = select(JobEvent).where(JobEvent.job_id == job.id, JobEvent.id > after).order_by(JobEvent.id)
    rows = session.scalars(query.limit(limit + 1)).all()
    items = [event_view(row) for row in rows[:limit]]
    return JobEvents(items=items, next_after=items[-1].id if len(rows) > limit else None)
