"""Campaigns: make or change, and list."""

from __future__ import annotations

from typing import Annotated

import structlog
from fastapi import APIRouter, Depends, Query, Response, status
from sqlalchemy import select

from api.auth.campaign_access import CampaignName, check_going, owner_of
from api.auth.job_access import CurrentCaller
from api.dependencies import OpenClock, OpenContext, OpenSession
from api.http.openapi import body_of
from api.http.request_body import JsonObject, json_object, options_of
from api.problem_details import ProblemError, documented
from api.spending.second_person import check_budget, note_applier
from api.spending.shortfall import campaign_answer
from models.campaign import Campaign
from models.operations.campaigns.control import set_options
from models.operations.money.budget import BudgetBelowCommitmentsError
from reelqueue.campaigns.options import CampaignOptions
from reelqueue.schemas.campaigns import Campaign as CampaignView
from reelqueue.schemas.campaigns import Campaigns

log = structlog.get_logger(__name__)
router = APIRouter(prefix="/v1/campaigns", tags=["campaigns"])

FileName = Annotated[
    str | None, Query(max_length=255, pattern=r"^[^\u0000]*$", description="The file that it is applied from.")
]


@router.put(
    "/{name}",
    responses={
        201: {"model": CampaignView, "description": "It was made."},
        **documented(400, 401, 403, 408, 409, 413, 415, 422, 503),
    },
    openapi_extra=body_of(CampaignOptions),
)
def put_campaign(
    name: CampaignName,
    body: Annotated[JsonObject, Depends(json_object)],
    session: OpenSession,
    clock: OpenClock,
    context: OpenContext,
    caller: CurrentCaller,
    response: Response,
    file_name: FileName = None,
) -> CampaignView:
    """Make a campaign, or change how it is run: all options are set, in force at the next dispatch."""
    options = options_of({"name": name, **body}, CampaignOptions)
    if options.name != name:
        raise ProblemError(422, "other_name", f"name: {options.name!r} is not the name in the path", field="name")
    tenant_id = owner_of(caller, session)
    existing = session.scalars(select(Campaign).where(Campaign.tenant_id == tenant_id, Campaign.name == name)).first()
    if existing is not None:
        check_going(existing)
    check_budget(session, tenant_id, existing, options.budget, key_name=caller.key_name)
    try:
        campaign = set_options(session, tenant_id, options, file_name=file_name)
    except BudgetBelowCommitmentsError as error:
        raise ProblemError(409, "budget_below_commitments", str(error), field="budget") from error
    if existing is None:
        note_applier(session, campaign, caller.key_name)
    context.commit_and_hint(session)
    log.info("campaign.set", campaign=str(campaign.id), is_new=existing is None)
    if existing is None:
        response.status_code = status.HTTP_201_CREATED
    return campaign_answer(session, campaign, now=clock(), region=context.region)


@router.get("", responses=documented(401, 403, 422, 503))
def list_campaigns(
    session: OpenSession,
    clock: OpenClock,
    context: OpenContext,
    caller: CurrentCaller,
    limit: Annotated[int, Query(ge=1, le=200, description="Campaigns at most.")] = 50,
) -> Campaigns:
    """The caller's campaigns, newest first."""
    mine = select(Campaign).where(Campaign.tenant_id == owner_of(caller, session))
    found = session.scalars(mine.order_by(Campaign.created_at.desc(), Campaign.id.desc()).limit(limit)).all()
    now = clock()
    region = context.region
    return Campaigns(items=[campaign_answer(session, campaign, now=now, region=region) for campaign in found])
