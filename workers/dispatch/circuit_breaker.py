"""The circuit breaker: pauses a campaign in which too many clips fail, before it pays for more of them."""

from __future__ import annotations

from datetime import datetime
from uuid import UUID

import structlog
from sqlalchemy.orm import Session

from models.campaign import Campaign
from models.operations.admission.breaker import breaker_reason

log = structlog.get_logger(__name__)


def trip_breakers(session: Session, campaigns: dict[UUID, Campaign], now: datetime) -> dict[UUID, Campaign]:
    """Pause the campaigns whose breaker trips.

    Args:
        session: In a dispatch's transaction.
        campaigns: Those that may admit jobs.
        now: The time.

    Returns:
        The others.
    """
    going = {}
    for campaign in campaigns.values():
        reason = breaker_reason(session, campaign)
        if reason is None:
            going[campaign.id] = campaign
            continue
        campaign.paused_at, campaign.paused_reason = now, reason
        log.error("campaign.breaker_tripped", campaign=str(campaign.id), reason=reason)
    return going
