"""A campaign as it goes, pushed to whoever listens (server-sent events)."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from typing import Annotated, Final
from uuid import UUID

from fastapi import APIRouter, Header, Response, status
from fastapi.responses import StreamingResponse

from api.auth.campaign_access import PathCampaign
from api.dependencies import OpenServices, Services
from api.problem_details import documented
from models.campaign import Campaign
from models.operations.campaigns.status import campaign_view
from models.session import DatabaseClock
from reelqueue.schemas.campaigns import Campaign as CampaignView

router = APIRouter(prefix="/v1/campaigns/{name}", tags=["campaigns"])

EVENT_STREAM: Final = "text/event-stream"
LOOK_SECONDS: Final = 1.0
LOOKS_BETWEEN_COMMENTS: Final = 15
"""A line that says nothing keeps proxies from closing a quiet connection."""
RECONNECT_MS: Final = 2000

LastEventId = Annotated[
    str | None, Header(description="The id of the last event that arrived; a browser sends it when it connects again.")
]


@router.get(
    "/events",
    response_class=StreamingResponse,
    responses={
        200: {
            "description": "An event `campaign` at first and whenever something has changed, and `end` after the last.",
            "content": {EVENT_STREAM: {}},
        },
        204: {"description": "The last event that arrived was the last: there is nothing to connect for."},
        **documented(401, 403, 404, 422, 503),
    },
)
async def follow(campaign: PathCampaign, services: OpenServices, last_event_id: LastEventId = None) -> Response:
    """The campaign whenever something about it has changed, until it has ended; whoever comes back goes on."""
    seen = await asyncio.to_thread(_read, services, campaign.id)
    if seen.is_over and seen.version == last_event_id:
        return Response(status_code=status.HTTP_204_NO_CONTENT)
    events = _events(services, campaign.id, last_event_id)
    return StreamingResponse(events, media_type=EVENT_STREAM, headers={"Cache-Control": "no-store"})


async def _events(services: Services, campaign_id: UUID, told: str | None) -> AsyncIterator[str]:
    quiet = 0
    yield f"retry: {RECONNECT_MS}\n\n"
    while True:
        # On a thread, with a session of its own that is closed again: a listener holds no connection.
        seen = await asyncio.to_thread(_read, services, campaign_id)
        quiet += 1
        if seen.version != told:
            yield f"id: {seen.version}\nevent: campaign\ndata: {seen.model_dump_json()}\n\n"
            told, quiet = seen.version, 0
        elif quiet >= LOOKS_BETWEEN_COMMENTS:
            yield ": still there\n\n"
            quiet = 0
        if seen.is_over:
            yield "event: end\ndata: {}\n\n"
            return
        await asyncio.sleep(LOOK_SECONDS)


def _read(services: Services, campaign_id: UUID) -> CampaignView:
    with services.sessions() as session:
        now = DatabaseClock().now(session)
        return campaign_view(session, session.get_one(Campaign, campaign_id), now=now)
