"""What people decide about clips that they have looked at: keep, reject, render again."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Annotated, Final, Literal
from uuid import UUID

import structlog
from fastapi import APIRouter, Depends
from pydantic import Field
from sqlalchemy import select
from sqlalchemy.orm import Session

from api.auth.campaign_access import PathCampaign, check_going
from api.auth.job_access import CurrentCaller
from api.auth.same_origin import check_same_origin
from api.dependencies import ApiContext, OpenClock, OpenContext, OpenSession
from api.http.openapi import body_of
from api.http.request_body import JsonObject, json_object, options_of
from api.problem_details import ProblemError, documented
from api.spending.confirmation import Agreement
from api.spending.cost_preview import retried
from models.asset import Asset, AssetKind
from models.campaign import Campaign
from models.operations.campaigns.current_clips import lock_clips
from models.operations.campaigns.decisions import decide, take_back
from models.operations.campaigns.retry import RETRYABLE, Which, find_retries, retry_clips
from models.render_job import RenderJob
from reelqueue.schemas.campaigns import DecidedClips, Decision
from reelqueue.states import RenderState

log = structlog.get_logger(__name__)
router = APIRouter(prefix="/v1/campaigns/{name}", tags=["campaigns"])

JOBS_MAX: Final = 1000
"""As many as stand on a page of the gallery."""
RETRIES_MAX: Final = 10_000
"""With what hangs on them."""
_AGAIN: Final = RETRYABLE | {RenderState.SUCCEEDED}
"""A person who has looked at a clip may want another take of it."""


class DecisionOptions(Agreement):
    """What is decided, and about which clips."""

    decision: Literal["approve", "reject", "retry", "undecide"] = Field(
        description="`retry` renders a clip again, for money; `undecide` takes `approve` or `reject` back."
    )
    job_ids: list[UUID] = Field(min_length=1, max_length=JOBS_MAX, description="The clips, by the ids of their jobs.")
    dry_run: bool = Field(default=False, description="With `retry`: only tell what it costs.")


@router.post(
    "/decisions",
    responses=documented(400, 401, 403, 404, 408, 409, 413, 415, 422, 503),
    openapi_extra=body_of(DecisionOptions),
    dependencies=[Depends(check_same_origin)],
)
def decide_clips(
    body: Annotated[JsonObject, Depends(json_object)],
    campaign: PathCampaign,
    session: OpenSession,
    clock: OpenClock,
    context: OpenContext,
    caller: CurrentCaller,
) -> DecidedClips:
    """Approve, reject or render again; sent twice, it changes nothing more and renders nothing more."""
    options = options_of(body, DecisionOptions)
    states = _states(session, campaign, options.job_ids)
    if options.decision == "retry":
        return _retry(session, context, campaign, options)
    now = clock()
    if options.decision == "undecide":
        count = take_back(session, list(states), by=caller.key_name, now=now)
    else:
        _check_there(session, states)
        count = decide(session, list(states), Decision(options.decision), by=caller.key_name, now=now)
    session.commit()
    log.info("campaign.decided", campaign=str(campaign.id), decision=options.decision, count=count)
    return DecidedClips(changed_count=count, cost=None)


def _states(session: Session, campaign: Campaign, job_ids: Sequence[UUID]) -> dict[UUID, RenderState]:
    """The clips' states, by job.

    Raises:
        ProblemError: 404 where one is not in the campaign.
    """
    mine = select(RenderJob.id, RenderJob.state).where(RenderJob.campaign_id == campaign.id, RenderJob.id.in_(job_ids))
    found = dict(session.execute(mine).all())
    missing = next((job_id for job_id in job_ids if job_id not in found), None)
    if missing is not None:
        why = f"there is no render job {missing} in campaign {campaign.name!r}; nothing was decided"
        raise ProblemError(404, "job_not_found", why, field="job_ids")
    return found


def _check_there(session: Session, states: dict[UUID, RenderState]) -> None:
    """Refuse to approve or reject a clip without a video."""
    seen = set(
        session.scalars(select(Asset.job_id).where(Asset.job_id.in_(states), Asset.kind == AssetKind.VIDEO)).all()
    )
    unseen = next((job_id for job_id in states if job_id not in seen), None)
    if unseen is not None:
        why = f"render job {unseen} is {states[unseen]} and has no video to look at; nothing was decided"
        raise ProblemError(409, "no_file", why, field="job_ids")


def _retry(session: Session, context: ApiContext, campaign: Campaign, options: DecisionOptions) -> DecidedClips:
    check_going(campaign)
    lock_clips(session, campaign.id)
    # A clip in whose place another job stands is not found: sent twice, it is rendered once.
    which = Which(states=_AGAIN, job_ids=options.job_ids)
    jobs = find_retries(session, campaign.id, which, limit=RETRIES_MAX)
    cost = retried(session, jobs, region=context.region, is_dry_run=options.dry_run)
    if options.dry_run or not jobs:
        return DecidedClips(changed_count=0, cost=cost)
    options.check(cost)
    retry_clips(session, campaign, jobs, now=context.clock.now(session))
    context.commit_and_hint(session)
    log.info("campaign.retried", campaign=str(campaign.id), count=len(jobs))
    return DecidedClips(changed_count=len(jobs), cost=cost)
