"""Render jobs: enqueue and list."""

from __future__ import annotations

from typing import Annotated

import structlog
from fastapi import APIRouter, Depends, Query, Response, status

from api.auth.campaign_access import owner_of
from api.auth.job_access import CurrentCaller, find_job
from api.dependencies import OpenClock, OpenContext, OpenSession
from api.http.openapi import JSON_REQUEST
from api.http.pagination import JobFilters, cut_page, page_query
from api.http.request_body import IdempotencyKey, JsonObject, render_request
from api.problem_details import documented
from api.request_ids import current_request_id
from api.views.jobs import job_view, job_views
from models.operations.jobs.enqueue import enqueue_render_job
from reelqueue.requests.parse import parse_request
from reelqueue.schemas.jobs import Job, JobPage

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


@router.get("", responses=documented(401, 403, 422, 503))
def list_jobs(
    filters: Annotated[JobFilters, Query()], session: OpenSession, context: OpenContext, caller: CurrentCaller
) -> JobPage:
    """Jobs that match every filter, newest first."""
    jobs, next_cursor = cut_page(session.scalars(page_query(filters, caller)).all(), filters.limit)
    return JobPage(items=job_views(session, jobs, region=context.region), next_cursor=next_cursor)
