"""A campaign while it runs: read, pause, resume, approve, cancel, render again."""

from __future__ import annotations

from dataclasses import asdict
from typing import Annotated, Final, Literal

import structlog
from fastapi import APIRouter, Depends
from pydantic import BaseModel, ConfigDict, Field, StrictBool

from api.auth.campaign_access import PathCampaign, check_going
from api.auth.job_access import CurrentCaller
from api.auth.same_origin import check_same_origin
from api.dependencies import OpenClock, OpenContext, OpenSession
from api.http.openapi import body_of
from api.http.request_body import JsonObject, optional_json_object, options_of
from api.problem_details import documented
from api.spending.confirmation import Agreement
from api.spending.cost_preview import retried, waiting
from api.spending.second_person import check_approval, needs_second_person
from api.spending.shortfall import campaign_answer
from models.operations.campaigns.control import (
    approve,
    cancel_at_provider,
    cancel_campaign,
    cancel_clips,
    pause,
    resume,
)
from models.operations.campaigns.current_clips import lock_clips
from models.operations.campaigns.retry import RETRYABLE, Which, find_retries, retry_clips
from models.operations.money.prices import hold_prices
from reelqueue.campaigns.filters import CONDITIONS_MAX, read_condition
from reelqueue.schemas.campaigns import Campaign as CampaignView
from reelqueue.schemas.campaigns import RetriedClips, WaitingClips
from reelqueue.states import FailureClass, RenderState

log = structlog.get_logger(__name__)
router = APIRouter(prefix="/v1/campaigns/{name}", tags=["campaigns"])

CANCELLED_AT_ONCE: Final = 2_000
RETRIES_MAX: Final = 10_000
_REFUSALS: Final = documented(400, 401, 403, 404, 408, 409, 413, 415, 422, 503)

Retryable = Literal["failed", "moderated", "lost", "expired", "cancelled"]


class CampaignCancelOptions(BaseModel):
    """How to cancel a campaign."""

    model_config = ConfigDict(extra="forbid")

    running: Literal["finish", "abandon"] = Field(
        default="finish",
        description="Videos that the provider is rendering cannot be stopped and are billed: `finish` collects them "
        "after all, `abandon` leaves them there.",
    )


class RetryOptions(Agreement):
    """Which clips are rendered again; an empty list chooses all."""

    states: list[Retryable] = Field(
        default=[], max_length=len(RETRYABLE), description="How they ended; unless given, all but `cancelled`."
    )
    classes: list[FailureClass] = Field(default=[], max_length=len(FailureClass), description="Why they failed.")
    codes: list[str] = Field(default=[], max_length=100, description="The provider's codes.")
    custom_ids: list[str] = Field(default=[], max_length=1000, description="The clips themselves.")
    where: list[str] = Field(
        default=[],
        max_length=CONDITIONS_MAX,
        description="Conditions that must all hold, such as `var.style=noir`, `model=wan2.6-*` or `row=17..40`.",
    )
    dry_run: StrictBool = Field(default=False, description="Only tell how many they are and what they cost.")


@router.get("", responses=documented(401, 403, 404, 422, 503))
def get_campaign(campaign: PathCampaign, session: OpenSession, clock: OpenClock, context: OpenContext) -> CampaignView:
    """One campaign: counts, money, pace, and what went wrong."""
    return campaign_answer(session, campaign, now=clock(), region=context.region)


@router.post("/pause", responses=documented(401, 403, 404, 409, 422, 503))
def pause_campaign(
    campaign: PathCampaign, session: OpenSession, clock: OpenClock, context: OpenContext
) -> CampaignView:
    """Submit nothing more until it is resumed; what was submitted is finished."""
    check_going(campaign)
    now = clock()
    pause(campaign, now=now)
    session.commit()
    return campaign_answer(session, campaign, now=now, region=context.region)


@router.post("/resume", responses=documented(401, 403, 404, 409, 422, 503))
def resume_campaign(
    campaign: PathCampaign, session: OpenSession, clock: OpenClock, context: OpenContext
) -> CampaignView:
    """Resume it; its breaker counts from zero."""
    check_going(campaign)
    now = clock()
    resume(campaign, now=now)
    context.commit_and_hint(session)
    return campaign_answer(session, campaign, now=now, region=context.region)


@router.get("/waiting", responses=documented(401, 403, 404, 422, 503))
def get_waiting_clips(campaign: PathCampaign, session: OpenSession, context: OpenContext) -> WaitingClips:
    """How many clips wait to be submitted, and the most that they cost: what `approve` releases behind a canary."""
    return WaitingClips(**asdict(waiting(session, campaign.id, region=context.region)))


@router.post(
    "/approve",
    responses=_REFUSALS,
    openapi_extra=body_of(Agreement, is_required=False),
    dependencies=[Depends(check_same_origin)],
)
def approve_campaign(
    body: Annotated[JsonObject, Depends(optional_json_object)],
    campaign: PathCampaign,
    session: OpenSession,
    clock: OpenClock,
    context: OpenContext,
    caller: CurrentCaller,
) -> CampaignView:
    """Let the clips behind the canary be rendered, and those that wait because a price has risen.

    Above the tenant's amount only a key that did not apply the campaign may.
    """
    agreement = options_of(body, Agreement)
    check_going(campaign)
    hold_prices(session)  # what is agreed to is what is shown: the prices of this moment
    now = clock()
    if agreement.model_fields_set or needs_second_person(session, campaign):
        lock_clips(session, campaign.id)
        cost = waiting(session, campaign.id, region=context.region)
        check_approval(session, campaign, cost, caller.key_name)
        agreement.check(cost)
    approve(campaign, now=now)
    context.commit_and_hint(session)
    return campaign_answer(session, campaign, now=now, region=context.region)


@router.post(
    "/cancel",
    name="cancel_campaign",
    responses=_REFUSALS,
    openapi_extra=body_of(CampaignCancelOptions, is_required=False),
)
def cancel(
    body: Annotated[JsonObject, Depends(optional_json_object)],
    campaign: PathCampaign,
    session: OpenSession,
    clock: OpenClock,
    context: OpenContext,
) -> CampaignView:
    """Stop it for good: what waits is cancelled, what the provider has is asked to be."""
    options = options_of(body, CampaignCancelOptions)
    now = clock()
    cancel_campaign(campaign, now=now)
    session.commit()  # from here on nothing is admitted, and the sweep would end what is left
    while cancel_clips(session, campaign.id, now=now, limit=CANCELLED_AT_ONCE):
        session.commit()
    cancel_at_provider(session, campaign.id, now=now, abandon_running=options.running == "abandon")
    context.commit_and_hint(session)
    log.info("campaign.cancelled", campaign=str(campaign.id))
    return campaign_answer(session, campaign, now=now, region=context.region)


@router.post("/retry", responses=_REFUSALS, openapi_extra=body_of(RetryOptions, is_required=False))
def retry_campaign(
    body: Annotated[JsonObject, Depends(optional_json_object)],
    campaign: PathCampaign,
    session: OpenSession,
    clock: OpenClock,
    context: OpenContext,
) -> RetriedClips:
    """Render clips again that ended without a video, ten thousand at most; a dry run tells rows and cost."""
    options = options_of(body, RetryOptions)
    check_going(campaign)
    lock_clips(session, campaign.id)
    which = Which(
        states=[RenderState(state) for state in options.states],
        failure_classes=options.classes,
        codes=options.codes,
        custom_ids=options.custom_ids,
        where=[read_condition(one) for one in options.where],
    )
    jobs = find_retries(session, campaign.id, which, limit=RETRIES_MAX)
    answer = retried(session, jobs, region=context.region, is_dry_run=options.dry_run)
    if not options.dry_run and jobs:
        options.check(answer)
        retry_clips(session, campaign, jobs, now=clock())
        context.commit_and_hint(session)
        log.info("campaign.retried", campaign=str(campaign.id), count=len(jobs))
    return answer
