"""Webhook endpoints: make and list."""

from __future__ import annotations

from typing import Annotated, Final
from uuid import UUID

import structlog
from fastapi import APIRouter, Depends, Response, status
from pydantic import BaseModel, ConfigDict, Field, SecretStr
from sqlalchemy import Select, func, select
from sqlalchemy.orm import Session

from api.auth.authentication import Caller
from api.auth.job_access import CurrentCaller
from api.dependencies import OpenClock, OpenContext, OpenSession
from api.http.openapi import body_of
from api.http.request_body import JsonObject, json_object, options_of
from api.problem_details import ProblemError, documented
from api.settings import ApiSettings
from models.operations.webhooks.endpoints import make_endpoint
from models.tenant import ensure_tenant
from models.webhook_endpoint import WebhookEndpoint
from reelqueue.url_safety import UnsafeUrlError, check_web_url
from reelqueue.webhooks import WebhookEndpoint as EndpointView
from reelqueue.webhooks import WebhookEndpoints, WebhookSecret

log = structlog.get_logger(__name__)
router = APIRouter(prefix="/v1/webhooks", tags=["webhooks"])

MAX_ENDPOINTS: Final = 20
"""Of one tenant: each is told of every job."""


class NewEndpoint(BaseModel):
    """What an endpoint is made from."""

    model_config = ConfigDict(extra="forbid")

    url: str = Field(
        min_length=1,
        max_length=2000,
        description="Where events are posted: https, at a public address or a host that the operator allows.",
    )


def visible_endpoints(caller: Caller) -> Select[WebhookEndpoint]:
    """The endpoints that *caller* may see, oldest first."""
    query = select(WebhookEndpoint).where(WebhookEndpoint.deleted_at.is_(None)).order_by(WebhookEndpoint.id)
    if caller.tenant_id is not None:
        query = query.where(WebhookEndpoint.tenant_id == caller.tenant_id)
    return query


@router.post(
    "",
    status_code=status.HTTP_201_CREATED,
    responses=documented(400, 401, 403, 408, 409, 413, 415, 422, 503),
    openapi_extra=body_of(NewEndpoint),
)
def create_webhook(
    body: Annotated[JsonObject, Depends(json_object)],
    session: OpenSession,
    clock: OpenClock,
    context: OpenContext,
    caller: CurrentCaller,
    response: Response,
) -> WebhookSecret:
    """Make an endpoint: it is told of every render job of its owner that comes to an end from now on.

    The secret in the answer is shown this once.
    """
    key = _key(context.settings)
    url = options_of(body, NewEndpoint).url
    _check_url(url, context.settings)
    tenant_id = caller.tenant_id or ensure_tenant(session)
    _check_count(session, tenant_id)
    same_url = session.scalars(
        select(WebhookEndpoint.id)
        .where(WebhookEndpoint.tenant_id == tenant_id, WebhookEndpoint.url == url, WebhookEndpoint.deleted_at.is_(None))
        .order_by(WebhookEndpoint.id)
    ).all()
    endpoint, secret = make_endpoint(session, tenant_id, url, key, now=clock())
    session.commit()
    log.info("webhook.made", endpoint_id=str(endpoint.id))
    response.headers["Location"] = f"/v1/webhooks/{endpoint.id}"
    response.headers["Cache-Control"] = "no-store"
    view = EndpointView.model_validate(endpoint)
    return WebhookSecret(**vars(view), secret=secret.get_secret_value(), same_url_ids=list(same_url))


@router.get("", responses=documented(401, 403, 503))
def list_webhooks(session: OpenSession, caller: CurrentCaller) -> WebhookEndpoints:
    """Every endpoint of the caller, oldest first."""
    rows = session.scalars(visible_endpoints(caller))
    return WebhookEndpoints(items=[EndpointView.model_validate(row) for row in rows])


def _key(settings: ApiSettings) -> SecretStr:
    if settings.webhook_key is None:
        raise ProblemError(
            409,
            "webhooks_off",
            "this server has no key to sign webhooks with; its operator sets REELQUEUE_WEBHOOK_KEY for the API and "
            "the workers",
        )
    return settings.webhook_key


def _check_url(url: str, settings: ApiSettings) -> None:
    try:
        check_web_url(url, private_hosts=settings.private_hosts)
    except UnsafeUrlError as error:
        raise ProblemError(422, "unsafe_url", f"nothing is posted to this URL: {error}", field="url") from error


def _check_count(session: Session, tenant_id: UUID) -> None:
    mine = visible_endpoints(Caller(tenant_id)).order_by(None).subquery()
    if session.scalars(select(func.count()).select_from(mine)).one() >= MAX_ENDPOINTS:
        raise ProblemError(409, "too_many_webhooks", f"there are {MAX_ENDPOINTS} endpoints already; delete one first")
