"""Render jobs: enqueue and list."""

from __future__ import annotations

from typing import Annotated

import structlog
from fastapi import APIRouter, Depends, HTTPException, Query, Response, status
from sqlalchemy import select

from api.auth.campaign_access import owner_of
from api.auth.job_access import CurrentCaller, find_job
from api.dependencies import OpenClock, OpenContext, OpenSession
from api.http.job_batch import checked_jobs, store_jobs
from api.http.openapi import JOBS_REQUEST, JSON_REQUEST
from api.http.pagination import JobFilters, cut_page, page_query
from api.http.request_body import IdempotencyKey, JsonObject, render_request
from api.problem_details import documented
from api.request_ids import current_request_id
from api.views.jobs import job_view, job_views
from models.base import among
from models.operations.jobs.enqueue import enqueue_render_job
from models.operations.jobs.enqueue_many import CheckedJob
from models.render_job import RenderJob
from reelqueue.requests.parse import parse_request
from reelqueue.schemas.jobs import Job, JobPage, StoredJobs

log = structlog.get_logger(__name__)
router = APIRouter(prefix="/v1/jobs", tags=["jobs"])


@router.post(
    "",
    status_code=status.HTTP_201_CREATED,
    responses={
        200: {"model": Job, "description": "The same request came before."},
        **documented(400, 401, 403, 408, 409, 413, 415, 422, 429, 503),
    },
    openapi_extra=JSON_REQUEST,
)
def create_job(
    body: Annotated[JsonObject, Depends(render_request)],
    session: OpenSession,
    clock: OpenClock,
    context: OpenContext,
    caller: CurrentCaller,
    response: Response,
    idempotency_key: IdempotencyKey = None,
) -> Job:
    """Store a render job. It is durable when the answer arrives, whatever the broker does."""
    request = parse_request(body)
    tenant_id = owner_of(caller, session)
    enqueued = enqueue_render_job(
        session,
        request,
        now=clock(),
        idempotency_key=idempotency_key,
        tenant_id=tenant_id,
        api_request_id=current_request_id(),
    )
    if enqueued.is_new:
        context.quotas.check_queue(session, tenant_id)
    context.commit_and_hint(session)
    response.headers["Location"] = f"/v1/jobs/{enqueued.job_id}"
    if not enqueued.is_new:
        response.status_code = status.HTTP_200_OK
    log.info("render_job.enqueued", job_id=str(enqueued.job_id), model=request.model, is_new=enqueued.is_new)
    return job_view(session, find_job(enqueued.job_id, session, caller), region=context.region)


@router.post(
    "/batch",
    status_code=status.HTTP_201_CREATED,
    responses={
        200: {"model": StoredJobs, "description": "Every job of the batch came before."},
        **documented(400, 401, 403, 408, 409, 413, 415, 422, 429, 503),
    },
    openapi_extra=JOBS_REQUEST,
)
def create_jobs(
    given: Annotated[list[CheckedJob], Depends(checked_jobs)],
    session: OpenSession,
    clock: OpenClock,
    context: OpenContext,
    caller: CurrentCaller,
    response: Response,
) -> StoredJobs:
    """Store up to 1,000 render jobs, all or none, each once per idempotency key of its own.

    A job is checked and priced as by `createJob`, and a batch that is sent again is answered with the same jobs.
    """
    tenant_id = owner_of(caller, session)
    enqueued = store_jobs(session, given, now=clock(), tenant_id=tenant_id)
    added = sum(each.is_new for each in enqueued)
    if added:
        context.quotas.check_queue(session, tenant_id, added)
    else:
        response.status_code = status.HTTP_200_OK
    context.commit_and_hint(session)
    log.info("render_jobs.enqueued", count=len(enqueued), new_count=added)
    jobs = {
        job.id: job
        for job in session.scalars(select(RenderJob).where(among(RenderJob.id, [each.job_id for each in enqueued])))
    }
    return StoredJobs(items=job_views(session, [jobs[each.job_id] for each in enqueued], region=context.region))


@router.get("/batch", include_in_schema=False)
def refuse_to_read_a_batch() -> None:
    """Say that there is no such page: else the word would be taken for the id of a job."""
    raise HTTPException(status.HTTP_405_METHOD_NOT_ALLOWED)


@router.get("", responses=documented(401, 403, 422, 503))
def list_jobs(
    filters: Annotated[JobFilters, Query()], session: OpenSession, context: OpenContext, caller: CurrentCaller
) -> JobPage:
    """Jobs that match every filter, newest first."""
    jobs, next_cursor = cut_page(session.scalars(page_query(filters, caller)).all(), filters.limit)
    return JobPage(items=job_views(session, jobs, region=context.region), next_cursor=next_cursor)
