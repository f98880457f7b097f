"""Text jobs: enqueue and list."""

from __future__ import annotations

from typing import Annotated

import structlog
from fastapi import APIRouter, Depends, Query, Response, status

from api.auth.campaign_access import owner_of
from api.auth.job_access import CurrentCaller, find_text
from api.dependencies import OpenClock, OpenContext, OpenSession
from api.http.openapi import TEXT_REQUEST
from api.http.pagination import TextFilters, cut_page, text_page_query
from api.http.request_body import IdempotencyKey, JsonObject, render_request
from api.problem_details import documented
from api.views.texts import text_view, text_views
from models.operations.texts.from_document import enqueue_text_document
from reelqueue.schemas.texts import TextJob, TextJobPage

log = structlog.get_logger(__name__)
router = APIRouter(prefix="/v1/texts", tags=["texts"])


@router.post(
    "",
    status_code=status.HTTP_201_CREATED,
    responses={
        200: {"model": TextJob, "description": "The same request came before."},
        **documented(400, 401, 403, 408, 409, 413, 415, 422, 429, 503),
    },
    openapi_extra=TEXT_REQUEST,
)
def create_text(
    body: Annotated[JsonObject, Depends(render_request)],
    session: OpenSession,
    clock: OpenClock,
    context: OpenContext,
    caller: CurrentCaller,
    response: Response,
    idempotency_key: IdempotencyKey = None,
) -> TextJob:
    """Store a question to a language model. It is durable when the answer arrives, whatever the broker does."""
    tenant_id = owner_of(caller, session)
    enqueued = enqueue_text_document(session, body, now=clock(), idempotency_key=idempotency_key, tenant_id=tenant_id)
    if enqueued.is_new:
        context.quotas.check_queue(session, tenant_id)
    context.commit_and_hint_text(session, enqueued.job_id)
    response.headers["Location"] = f"/v1/texts/{enqueued.job_id}"
    if not enqueued.is_new:
        response.status_code = status.HTTP_200_OK
    job = find_text(enqueued.job_id, session, caller)
    log.info("text_job.enqueued", job_id=str(job.id), model=job.model, is_new=enqueued.is_new)
    return text_view(session, job)


@router.get("", responses=documented(401, 403, 422, 503))
def list_texts(filters: Annotated[TextFilters, Query()], session: OpenSession, caller: CurrentCaller) -> TextJobPage:
    """Text jobs that match every filter, newest first."""
    jobs, next_cursor = cut_page(session.scalars(text_page_query(filters, caller)).all(), filters.limit)
    return TextJobPage(items=text_views(session, jobs), next_cursor=next_cursor)
