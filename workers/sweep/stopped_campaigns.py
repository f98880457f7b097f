"""Jobs that end with their campaign: the rest of its budget cannot pay for them, or it was cancelled."""

from __future__ import annotations

from collections.abc import Collection
from datetime import datetime

from sqlalchemy import select
from sqlalchemy.orm import Session

from models.campaign import Campaign, OnBudget
from models.operations.campaigns.control import cancel_clips
from models.operations.jobs.transitions import move
from models.render_job import RenderJob
from reelqueue.failure_codes import FailureCode
from reelqueue.states import RenderState


def cancel_unpaid(session: Session, forgetful: Collection[str], *, now: datetime, limit: int) -> int:
    """Cancel queued jobs of campaigns whose budget is exhausted, at most *limit* of them.

    Jobs of *forgetful* models wait: they may be paid for already.

    Returns:
        How many were cancelled.
    """
    exhausted = select(Campaign.id).where(
        Campaign.budget_exhausted_at.is_not(None), Campaign.on_budget == OnBudget.CANCEL
    )
    unpaid = (
        select(RenderJob.id)
        .where(
            RenderJob.state == RenderState.QUEUED,
            RenderJob.campaign_id.in_(exhausted),
            RenderJob.model.not_in(forgetful),
        )
        .limit(limit)
        .with_for_update(skip_locked=True)
    )
    message = "its campaign's budget could not pay for it; raise the budget and enqueue it again"
    moved = [
        move(
            session,
            job_id,
            [RenderState.QUEUED],
            RenderState.CANCELLED,
            now=now,
            failure_code=FailureCode.BUDGET_EXHAUSTED,
            failure_message=message,
        )
        for job_id in session.scalars(unpaid).all()
    ]
    return sum(left is not None for left in moved)


def cancel_stopped(session: Session, *, now: datetime, limit: int) -> int:
    """Cancel queued jobs of cancelled campaigns, at most *limit* of each: the API was ended while it did.

    Returns:
        How many were cancelled.
    """
    left = select(RenderJob.id).where(RenderJob.campaign_id == Campaign.id, RenderJob.state == RenderState.QUEUED)
    stopped = select(Campaign.id).where(Campaign.cancelled_at.is_not(None), left.exists())
    return sum(
        cancel_clips(session, campaign_id, now=now, limit=limit) for campaign_id in session.scalars(stopped).all()
    )
