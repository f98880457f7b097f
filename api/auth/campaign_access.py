"""Which campaigns a caller may see: its tenant's; on a server without keys, those of this machine."""

from __future__ import annotations

from typing import Annotated
from uuid import UUID

from fastapi import Depends, Path
from sqlalchemy import select
from sqlalchemy.orm import Session

from api.auth.authentication import Caller
from api.auth.job_access import CurrentCaller
from api.dependencies import OpenSession
from api.problem_details import ProblemError
from models.campaign import Campaign
from models.tenant import ensure_tenant
from reelqueue.campaigns.options import NAME_CHARACTERS_MAX

CampaignName = Annotated[
    str,
    Path(min_length=1, max_length=NAME_CHARACTERS_MAX, pattern=r"^[^\u0000/]+$", description="The campaign's name."),
]


def owner_of(caller: Caller, session: Session) -> UUID:
    """The tenant whose campaigns *caller* handles."""
    return caller.tenant_id or ensure_tenant(session)


def find_campaign(name: CampaignName, session: OpenSession, caller: CurrentCaller) -> Campaign:
    """The campaign named in the path.

    Raises:
        ProblemError: 404 where there is none or it is another's: a caller cannot tell which.
    """
    mine = select(Campaign).where(Campaign.tenant_id == owner_of(caller, session), Campaign.name == name)
    campaign = session.scalars(mine).one_or_none()
    if campaign is None:
        raise ProblemError(
            404, "campaign_not_found", f"there is no campaign {name!r} that this caller may see", field="name"
        )
    return campaign


PathCampaign = Annotated[Campaign, Depends(find_campaign)]
"""The campaign named in the path, if the caller may see it."""


def check_going(campaign: Campaign) -> None:
    """Refuse what a campaign takes no more that was stopped for good.

    Raises:
        ProblemError: 409 if it was cancelled.
    """
    if campaign.cancelled_at is not None:
        raise ProblemError(
            409,
            "campaign_cancelled",
            f"campaign {campaign.name!r} was cancelled at {campaign.cancelled_at.isoformat(timespec='seconds')}; "
            "apply its file under another name",
        )
