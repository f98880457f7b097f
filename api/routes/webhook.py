"""One webhook endpoint: read, delete, enable, try, and what it was told."""

from __future__ import annotations

from typing import Annotated
from uuid import UUID

from fastapi import APIRouter, Depends, Path, Query, status
from sqlalchemy import select
from sqlalchemy.orm import Session

from api.auth.job_access import CurrentCaller
from api.dependencies import OpenClock, OpenSession
from api.problem_details import ProblemError, documented
from api.routes.webhooks import visible_endpoints
from models.operations.webhooks.events import announce_test, deliver_again
from models.webhook_delivery import WebhookDelivery
from models.webhook_endpoint import WebhookEndpoint
from reelqueue.webhooks import WebhookDeliveries
from reelqueue.webhooks import WebhookDelivery as DeliveryView
from reelqueue.webhooks import WebhookEndpoint as EndpointView

router = APIRouter(prefix="/v1/webhooks/{endpoint_id}", tags=["webhooks"])


def find_endpoint(
    endpoint_id: Annotated[UUID, Path(description="The endpoint's id.")], session: OpenSession, caller: CurrentCaller
) -> WebhookEndpoint:
    """The endpoint named in the path.

    Raises:
        ProblemError: 404 where there is none or it is another's: a caller cannot tell which.
    """
    query = visible_endpoints(caller).where(WebhookEndpoint.id == endpoint_id)
    endpoint = session.scalars(query).one_or_none()
    if endpoint is None:
        raise ProblemError(
            404, "webhook_not_found", f"there is no webhook {endpoint_id} that this caller may see", field="endpoint_id"
        )
    return endpoint


PathEndpoint = Annotated[WebhookEndpoint, Depends(find_endpoint)]
"""The endpoint named in the path, if the caller may see it."""


@router.get("", responses=documented(401, 403, 404, 422, 503))
def get_webhook(endpoint: PathEndpoint) -> EndpointView:
    """One endpoint."""
    return EndpointView.model_validate(endpoint)


@router.delete("", status_code=status.HTTP_204_NO_CONTENT, responses=documented(401, 403, 404, 422, 503))
def delete_webhook(endpoint: PathEndpoint, session: OpenSession, clock: OpenClock) -> None:
    """Tell an endpoint nothing any more; what it has not been told yet, it never is."""
    endpoint.deleted_at = clock()
    session.commit()


@router.post("/enable", responses=documented(401, 403, 404, 422, 503))
def enable_webhook(endpoint: PathEndpoint, session: OpenSession, clock: OpenClock) -> EndpointView:
    """Tell an endpoint again that has answered 410 Gone; what happened meanwhile, it is not told."""
    if endpoint.disabled_at is not None:
        endpoint.open_since = clock()
        endpoint.disabled_at = endpoint.disabled_reason = endpoint.held_until = None
        endpoint.failure_count = 0
        session.commit()
    return EndpointView.model_validate(endpoint)


@router.post("/test", status_code=status.HTTP_202_ACCEPTED, responses=documented(401, 403, 404, 409, 422, 503))
def test_webhook(endpoint: PathEndpoint, session: OpenSession, clock: OpenClock) -> DeliveryView:
    """Post a `webhook.test` event to an endpoint, within seconds; its delivery says how that went."""
    _check_enabled(endpoint)
    delivery = announce_test(session, endpoint.id, now=clock())
    session.commit()
    return DeliveryView.model_validate(delivery)


@router.get("/deliveries", responses=documented(401, 403, 404, 422, 503))
def list_webhook_deliveries(
    endpoint: PathEndpoint,
    session: OpenSession,
    before: Annotated[UUID | None, Query(description="Deliveries older than this one.")] = None,
    limit: Annotated[int, Query(ge=1, le=200, description="Deliveries on a page.")] = 50,
) -> WebhookDeliveries:
    """What an endpoint was told, or is to be told, newest first."""
    query = select(WebhookDelivery).where(WebhookDelivery.endpoint_id == endpoint.id)
    if before is not None:
        query = query.where(WebhookDelivery.id < before)
    rows = session.scalars(query.order_by(WebhookDelivery.id.desc()).limit(limit + 1)).all()
    items = [DeliveryView.model_validate(row) for row in rows[:limit]]
    return WebhookDeliveries(items=items, next_before=items[-1].id if len(rows) > limit else None)


@router.post(
    "/deliveries/{delivery_id}/redeliver",
    status_code=status.HTTP_202_ACCEPTED,
    responses=documented(401, 403, 404, 409, 422, 503),
)
def redeliver_webhook_event(
    delivery_id: Annotated[UUID, Path(description="The `webhook-id` of the event.")],
    endpoint: PathEndpoint,
    session: OpenSession,
    clock: OpenClock,
) -> DeliveryView:
    """Post an event once more, under its old id."""
    _check_enabled(endpoint)
    delivery = _find_delivery(session, endpoint, delivery_id)
    deliver_again(delivery, now=clock())
    session.commit()
    return DeliveryView.model_validate(delivery)


def _find_delivery(session: Session, endpoint: WebhookEndpoint, delivery_id: UUID) -> WebhookDelivery:
    query = select(WebhookDelivery).where(WebhookDelivery.id == delivery_id, WebhookDelivery.endpoint_id == endpoint.id)
    delivery = session.scalars(query.with_for_update()).one_or_none()
    if delivery is None:
        raise ProblemError(
            404, "delivery_not_found", f"webhook {endpoint.id} has no delivery {delivery_id}", field="delivery_id"
        )
    return delivery


def _check_enabled(endpoint: WebhookEndpoint) -> None:
    if endpoint.disabled_at is not None:
        raise ProblemError(
            409, "webhook_disabled", f"webhook {endpoint.id} is disabled: {endpoint.disabled_reason}; enable it first"
        )
