"""A campaign as it goes, sent to every listener (server-sent events)."""

from __future__ import annotations

from collections.abc import AsyncIterator
from functools import partial
from typing import Annotated
from uuid import UUID

from fastapi import APIRouter, Depends, Response
from fastapi.responses import StreamingResponse
from sqlalchemy.orm import Session

from api.auth.campaign_access import CampaignName, find_campaign
from api.auth.job_access import CurrentCaller
from api.dependencies import OpenServices
from api.event_streams import Listener, Snapshot, Subscriber
from api.http.event_answers import LastEventId, documented_stream, event_answer
from models.campaign import Campaign
from models.operations.campaigns.status import campaign_view
from models.session import Clock

router = APIRouter(prefix="/v1/campaigns/{name}", tags=["campaigns"])


def _campaign_id(name: CampaignName, services: OpenServices, caller: CurrentCaller) -> UUID:
    """The campaign to watch; the session is closed again before the stream begins to wait."""
    with services.sessions() as session:
        found = find_campaign(name, session, caller)
        session.commit()  # a server without keys makes its tenant at the first look
        return found.id


async def _listener(
    campaign_id: Annotated[UUID, Depends(_campaign_id)], services: OpenServices, caller: CurrentCaller
) -> AsyncIterator[Listener]:
    subscriber = Subscriber(caller.tenant_id, caller.key_id)
    read = partial(_read, campaign_id=campaign_id, clock=services.clock)
    async with services.streams.listen(subscriber, ("campaign", campaign_id), read) as listener:
        yield listener


@router.get(
    "/events",
    response_class=StreamingResponse,  # FastAPI's own would have to be a generator, which has no 204
    responses=documented_stream("campaign"),
)
async def follow_campaign(
    listener: Annotated[Listener, Depends(_listener)], last_event_id: LastEventId = None
) -> Response:
    """The campaign whenever something about it has changed, until it has ended; a client that comes back goes on.

    The stream ends as well when its key is revoked. 503: too many streams are open.
    """
    return event_answer(listener, last_event_id)


def _read(session: Session, *, campaign_id: UUID, clock: Clock) -> Snapshot:
    seen = campaign_view(session, session.get_one(Campaign, campaign_id), now=clock.now(session))
    return Snapshot(version=seen.version, event="campaign", data=seen.model_dump_json(), is_last=seen.is_over)
