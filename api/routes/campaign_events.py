"""A campaign as it goes, pushed to whoever listens (server-sent events)."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from typing import Final
from uuid import UUID

from fastapi import APIRouter
from fastapi.responses import StreamingResponse

from api.campaigns import PathCampaign
from api.problems import documented
from api.services import OpenServices, Services
from models.campaign import Campaign
from models.campaign_facts import campaign_view
from models.session import DatabaseClock
from reelqueue.campaigns.answers import Campaign as CampaignView
from reelqueue.campaigns.answers import Phase

router = APIRouter(prefix="/v1/campaigns/{name}", tags=["campaigns"])

EVENT_STREAM: Final = "text/event-stream"
LOOK_SECONDS: Final = 1.0
LOOKS_BETWEEN_COMMENTS: Final = 15
"""A line that says nothing keeps proxies from closing a quiet connection."""
_OVER: Final = frozenset({Phase.EMPTY, Phase.FINISHED, Phase.CANCELLED})


@router.get(
    "/events",
    response_class=StreamingResponse,
    responses={
        200: {
            "description": "An event `campaign` at first and whenever something has changed, and `end` after the last.",
            "content": {EVENT_STREAM: {}},
        },
        **documented(401, 403, 404, 422, 503),
    },
)
def follow(campaign: PathCampaign, services: OpenServices) -> StreamingResponse:
    """The campaign whenever something about it has changed, until it has ended."""
    return StreamingResponse(
        _events(services, campaign.id), media_type=EVENT_STREAM, headers={"Cache-Control": "no-store"}
    )


async def _events(services: Services, campaign_id: UUID) -> AsyncIterator[str]:
    last: CampaignView | None = None
    quiet = 0
    while True:
        # On a thread, with a session of its own that is closed again: a listener holds no connection.
        seen = await asyncio.to_thread(_read, services, campaign_id)
        quiet += 1
        if seen != last:
            yield f"event: campaign\ndata: {seen.model_dump_json()}\n\n"
            last, quiet = seen, 0
        elif quiet >= LOOKS_BETWEEN_COMMENTS:
            yield ": still there\n\n"
            quiet = 0
        if seen.phase in _OVER and seen.finished_count == seen.clip_count:
            yield "event: end\ndata: {}\n\n"
            return
        await asyncio.sleep(LOOK_SECONDS)


def _read(services: Services, campaign_id: UUID) -> CampaignView:
    with services.sessions() as session:
        now = DatabaseClock().now(session)
        return campaign_view(session, session.get_one(Campaign, campaign_id), now=now)
