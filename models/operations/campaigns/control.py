"""What an owner does with a campaign: set how it is run, pause it, go on, approve the rest, stop it."""

from __future__ import annotations

from datetime import datetime
from typing import Final
from uuid import UUID

from sqlalchemy import select, update
from sqlalchemy.orm import Session

from models.campaign import Campaign, OnAmbiguous, OnBudget, ensure_campaign
from models.operations.jobs.cancel import request_cancel
from models.operations.jobs.transitions import move_many
from models.operations.money.budget import Budget, set_budget
from models.render_job import RenderJob
from reelqueue.campaigns.options import CampaignOptions
from reelqueue.failure_codes import FailureCode
from reelqueue.states import RenderState

_AT_PROVIDER: Final = (RenderState.ADMITTED, RenderState.SUBMITTING, RenderState.RENDERING)


def set_options(session: Session, tenant_id: UUID, options: CampaignOptions, *, file_name: str | None) -> Campaign:
    """Make a campaign, or change how it is run from the next dispatch on.

    Args:
        session: In a transaction; the caller commits, then sends a dispatch hint.
        tenant_id: Its owner.
        options: All of them: what is not given is no longer limited.
        file_name: The file that they were read from, for people; None leaves the earlier one.

    Raises:
        BudgetBelowCommitmentsError: More than the new budget is spent and reserved already.
    """
    campaign = session.get_one(Campaign, ensure_campaign(session, tenant_id, options.name))
    _set_start_by(session, campaign, options.start_by)
    campaign.priority = options.priority
    campaign.on_budget = OnBudget(options.on_budget)
    campaign.max_in_flight = options.max_in_flight
    campaign.on_ambiguous = OnAmbiguous(options.on_ambiguous)
    campaign.breaker = options.breaker.model_dump(exclude_none=True) if options.breaker else None
    campaign.run_at, campaign.finish_by = options.run_at, options.finish_by
    campaign.canary_count = options.canary
    campaign.variant_count = options.variants
    campaign.output_pattern = options.output
    campaign.file_name = file_name or campaign.file_name
    session.flush()
    wanted = Budget(options.budget.amount, options.budget.currency) if options.budget else None
    if wanted != _budget_of(campaign):
        set_budget(session, campaign.id, wanted)
    return campaign


def _budget_of(campaign: Campaign) -> Budget | None:
    if campaign.budget_amount is None or campaign.budget_currency is None:
        return None
    return Budget(campaign.budget_amount, campaign.budget_currency)


def _set_start_by(session: Session, campaign: Campaign, start_by: datetime | None) -> None:
    """Let the clips that had the campaign's have the new one; those that said their own keep it."""
    if campaign.start_by == start_by:
        return
    session.execute(
        update(RenderJob)
        .where(
            RenderJob.campaign_id == campaign.id,
            RenderJob.state == RenderState.QUEUED,
            RenderJob.start_by.is_not_distinct_from(campaign.start_by),
        )
        .values(start_by=start_by)
        .execution_options(synchronize_session=False)
    )
    campaign.start_by = start_by


def pause(campaign: Campaign, *, now: datetime, reason: str | None = None) -> None:
    """Admit none of its jobs from the next dispatch on; what was submitted is finished."""
    if campaign.paused_at is None:
        campaign.paused_at = now
        campaign.paused_reason = reason or "paused by its owner"


def resume(campaign: Campaign, *, now: datetime) -> None:
    """Go on; what the breaker counted has been looked at."""
    campaign.paused_at, campaign.paused_reason, campaign.repriced_at = None, None, None
    campaign.breaker_since_at = now


def approve(campaign: Campaign, *, now: datetime) -> None:
    """Let the clips behind the canary be rendered, and those that wait because a price has risen.

    Args:
        campaign: Locked.
        now: The moment whose prices the owner agrees to.
    """
    campaign.approved_at = campaign.approved_at or now
    campaign.prices_agreed_at = now
    if campaign.repriced_at is not None:
        campaign.paused_at, campaign.paused_reason, campaign.repriced_at = None, None, None


def cancel_campaign(campaign: Campaign, *, now: datetime) -> None:
    """Stop it for good: nothing more is admitted, and `cancel_clips` ends what there is."""
    campaign.cancelled_at = campaign.cancelled_at or now


def cancel_clips(session: Session, campaign_id: UUID, *, now: datetime, limit: int) -> int:
    """Cancel queued jobs of a cancelled campaign, at most *limit* of them; the caller commits and goes on.

    Returns:
        How many were cancelled; 0: none is left that is not locked by others.
    """
    queued = (
        select(RenderJob.id)
        .where(RenderJob.campaign_id == campaign_id, RenderJob.state == RenderState.QUEUED)
        .order_by(RenderJob.id)
        .limit(limit)
        .with_for_update(skip_locked=True, key_share=True)
    )
    why = {
        "failure_code": FailureCode.CAMPAIGN_CANCELLED,
        "failure_message": "its campaign was cancelled",
        "is_awaiting": False,
    }
    job_ids = session.scalars(queued).all()
    return move_many(session, job_ids, RenderState.QUEUED, RenderState.CANCELLED, now=now, **why)


def cancel_at_provider(session: Session, campaign_id: UUID, *, now: datetime, abandon_running: bool) -> int:
    """Ask for the jobs of a cancelled campaign to be stopped that have a slot.

    Returns:
        How many that were.
    """
    held = select(RenderJob.id).where(RenderJob.campaign_id == campaign_id, RenderJob.state.in_(_AT_PROVIDER))
    job_ids = session.scalars(held.order_by(RenderJob.id)).all()
    return sum(request_cancel(session, job_id, now=now, abandon_running=abandon_running) for job_id in job_ids)
