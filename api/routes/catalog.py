"""The catalog, and what a request would send and cost; nothing here stores or sends anything."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Depends

from api.auth.job_access import CurrentCaller
from api.dependencies import OpenContext, OpenSession
from api.http.openapi import JSON_REQUEST
from api.http.request_body import JsonObject, render_request
from api.problem_details import documented
from models.operations.money.prices import known_prices
from reelqueue.preview import preview_request
from reelqueue.requests.parse import parse_request
from reelqueue.schemas.catalog import ModelCards, catalog_cards
from reelqueue.schemas.jobs import Preview

router = APIRouter(prefix="/v1", tags=["catalog"])


@router.post("/preview", responses=documented(400, 401, 403, 408, 413, 415, 422, 503), openapi_extra=JSON_REQUEST)
def preview_job(
    body: Annotated[JsonObject, Depends(render_request)], context: OpenContext, session: OpenSession
) -> Preview:
    """The exact request that the provider would get, without the key, and its price."""
    request = parse_request(body)
    shown = preview_request(request, base_url=context.settings.video_base_url, prices=known_prices(session))
    return Preview.model_validate(shown)


@router.get("/models", responses=documented(401, 403, 503))
def list_models(_caller: CurrentCaller, session: OpenSession) -> ModelCards:
    """The models that the catalog describes; any other id of the provider is taken too, with a warning."""
    return catalog_cards(known_prices(session))
