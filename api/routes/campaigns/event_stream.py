"""A campaign as it goes, sent to every listener (server-sent events)."""

from __future__ import annotations

from collections.abc import AsyncIterator
from datetime import datetime, timedelta
from typing import Annotated, Final
from uuid import UUID

from fastapi import APIRouter, Depends, Request, Response
from fastapi.responses import StreamingResponse
from sqlalchemy.orm import Session

from api.auth.campaign_access import CampaignName, find_campaign
from api.auth.job_access import CurrentCaller
from api.dependencies import OpenContext
from api.event_streams import Listener, Snapshot, Subscriber
from api.http.event_answers import LastEventId, documented_stream, event_answer
from api.http.fair_entrance import leave_entrance
from api.spending.cost_preview import Offer, waiting
from api.spending.shortfall import campaign_answer
from models.campaign import Campaign
from models.session import Clock
from reelqueue.schemas.campaigns import Campaign as CampaignView

router = APIRouter(prefix="/v1/campaigns/{name}", tags=["campaigns"])

_PRICES_HOLD: Final = timedelta(seconds=15)
"""A file that is applied may change what waiting clips cost, and nothing else that is shown."""


def _campaign_id(name: CampaignName, context: OpenContext, caller: CurrentCaller) -> UUID:
    """The campaign to watch; the session is closed again before the stream begins to wait."""
    with context.sessions() as session:
        found = find_campaign(name, session, caller)
        session.commit()  # a server without keys makes its tenant at the first look
        return found.id


async def _listener(
    request: Request,
    campaign_id: Annotated[UUID, Depends(_campaign_id)],
    context: OpenContext,
    caller: CurrentCaller,
) -> AsyncIterator[Listener]:
    leave_entrance(request)  # waits for its first snapshot
    subscriber = Subscriber(caller.tenant_id, caller.key_id)
    read = _Reader(campaign_id, context.region, context.clock)
    async with context.streams.listen(subscriber, ("campaign", campaign_id), read) as listener:
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


class _Reader:
    """Reads a campaign every tick; pricing all clips that wait takes longer, and is done after a change."""

    def __init__(self, campaign_id: UUID, region: str, clock: Clock) -> None:
        self._campaign_id = campaign_id
        self._region = region
        self._clock = clock
        self._priced: tuple[str, Offer, datetime] | None = None

    def __call__(self, session: Session) -> Snapshot:
        now = self._clock.now(session)

        def price(view: CampaignView) -> Offer:
            if self._priced is not None:
                version, offer, at = self._priced
                if version == view.version and now - at < _PRICES_HOLD:
                    return offer
            offer = waiting(session, self._campaign_id, region=self._region)
            self._priced = view.version, offer, now
            return offer

        campaign = session.get_one(Campaign, self._campaign_id)
        seen = campaign_answer(session, campaign, now=now, region=self._region, price=price)
        return Snapshot(version=seen.version, event="campaign", data=seen.model_dump_json(), is_last=seen.is_over)
