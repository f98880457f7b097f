"""What a row must fulfil to be admitted: the conditions by their causes, for dispatch and for who asks what waits."""

from __future__ import annotations

from datetime import datetime
from enum import StrEnum

from sqlalchemy import ColumnElement, or_

from models.campaign import Campaign
from models.render_job import RenderJob


class Cause(StrEnum):
    """What keeps a queued job from being admitted; nothing else does."""

    CHAIN = "chain"
    """The clip that must end first has not ended."""
    BACKOFF = "backoff"
    """It was refused or failed by the provider's fault, and waits a while."""
    START_BY = "start_by"
    """It was to start before now; it is about to expire."""
    CANCELLED = "cancelled"
    """Its campaign was stopped for good."""
    PAUSED = "paused"
    """Its campaign is paused."""
    OUT_OF_BUDGET = "out_of_budget"
    """The rest of the budget could not pay for the next job, and nothing is reserved that may be released."""
    RUN_AT = "run_at"
    """Its campaign begins later."""
    BREAKER = "breaker"
    """The next dispatch pauses its campaign, as too many of its clips failed."""
    CANARY = "canary"
    """Only the chosen clips of its campaign may begin before a person approves the rest."""
    MAX_IN_FLIGHT = "max_in_flight"
    """Its campaign has as many jobs at the provider as it allows itself."""
    NO_ACCOUNT = "no_account"
    """There is no account yet: the workers make the first."""
    NOT_OFFERED = "not_offered"
    """No account renders its model."""
    ACCOUNT_PAUSED = "account_paused"
    """Nothing is submitted to the account."""
    GATE = "gate"
    """The record may have gone back in time, and has not been compared with the provider's list."""
    NO_SLOTS = "no_slots"
    """The account may have no task of the model, by the operator's limit or by the provider's."""
    THROTTLED = "throttled"
    """The provider has asked to be left alone for a while."""
    REPRICED = "repriced"
    """It costs more than by the prices that its campaign's owner agreed to."""
    UNPRICED = "unpriced"
    """No price is known for it, and its campaign has a budget."""
    CURRENCY = "currency"
    """The account is paid in another currency than its campaign's budget has."""
    BUDGET = "budget"
    """The rest of the budget is too small for it."""
    CAP = "cap"
    """A cap above its campaign has no room for it."""
    SLOTS = "slots"
    """Others come first, or every slot is leased."""
    DUE = "due"
    """Nothing: the next dispatch admits it."""


def job_conditions(now: datetime) -> dict[Cause, ColumnElement[bool]]:
    """What a queued job must fulfil by itself."""
    return {
        Cause.CHAIN: ~RenderJob.is_awaiting,
        Cause.BACKOFF: or_(RenderJob.not_before_at.is_(None), RenderJob.not_before_at <= now),
        Cause.START_BY: or_(RenderJob.start_by.is_(None), RenderJob.start_by > now),
    }


def campaign_conditions(now: datetime) -> dict[Cause, ColumnElement[bool]]:
    """What the campaign of a job must fulfil."""
    return {
        Cause.CANCELLED: Campaign.cancelled_at.is_(None),
        Cause.PAUSED: Campaign.paused_at.is_(None),
        Cause.OUT_OF_BUDGET: Campaign.budget_exhausted_at.is_(None),
        Cause.RUN_AT: or_(Campaign.run_at.is_(None), Campaign.run_at <= now),
    }
