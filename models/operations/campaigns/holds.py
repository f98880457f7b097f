"""What holds up a campaign that runs: reasons that its owner sees, each with who can do something about it."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from datetime import datetime, timedelta
from typing import Final
from uuid import UUID

from sqlalchemy import exists, func, select
from sqlalchemy.orm import Session

from models.account import Account
from models.campaign import Campaign
from models.job_event import STORE_FAILED, JobEvent
from models.operations.money.caps import covers, describe_cap, is_exhausted
from models.operations.scheduling.account_limits import lane_limits, offers
from models.operations.scheduling.submit_gates import Cause, stored_openings
from models.operations.scheduling.submit_throttle import LONG_WAIT_SECONDS
from models.render_job import RenderJob
from models.session import DatabaseClock
from models.slot import Slot
from models.spending_cap import SpendingCap
from models.submit_lane import SubmitLane
from reelqueue.catalog.price_list import CURRENCY_BY_REGION
from reelqueue.schemas.campaigns import Hold
from reelqueue.states import RenderState

_OPERATOR: Final = "tell an operator of this server"
_COMPARED: Final = {
    Cause.RESTORED: "the server's database was put back; its operators compare it with the provider before {model} is "
    "submitted, so that nothing is paid for twice",
    Cause.RESTARTED: "the server was started again, and compares its database with the provider before {model} is "
    "submitted",
}


def holds_of(session: Session, campaign: Campaign) -> list[Hold]:
    """Why clips of a campaign wait now; nothing where everything moves.

    Args:
        session: In a transaction.
        campaign: One that is not paused, and whose budget and canary let it go on.
    """
    return [*_before_submit(session, campaign), *_before_archive(session, campaign)]


def _before_submit(session: Session, campaign: Campaign) -> Iterator[Hold]:
    queued = (RenderJob.state == RenderState.QUEUED, RenderJob.is_awaiting.is_(False))
    models = session.scalars(
        select(RenderJob.model)
        .where(RenderJob.campaign_id == campaign.id, *queued)
        .group_by(RenderJob.model)
        .order_by(RenderJob.model)
    ).all()
    if not models:
        return
    accounts = session.scalars(select(Account).order_by(Account.name)).all()
    openings = stored_openings(session)
    for model in models:
        offering = [account for account in accounts if offers(account, model)]
        open_ones = [account for account in offering if account.paused_at is None]
        if accounts and not offering:
            yield _blocking(f"no provider account of this server renders {model}: {_OPERATOR}")
        elif offering and not open_ones:
            reasons = "; ".join(sorted({account.paused_reason or "no reason given" for account in offering}))
            yield _blocking(f"the provider account for {model} is paused ({reasons}): {_OPERATOR}")
        elif cause := openings.cause_of_hold(open_ones, model):
            yield _blocking(f"{_COMPARED[cause].format(model=model)}: if it stays so, {_OPERATOR}")
        elif said := _capped(session, campaign, open_ones):
            yield _blocking(said)
        elif until := _held_until(session, model, open_ones):
            why = f"the provider asks the account for {model} to wait until {until:%Y-%m-%d %H:%M} UTC"
            yield Hold(reason=f"{why}, and nothing is submitted before", is_blocking=False)
        elif said := _full(session, campaign, model, open_ones):
            yield Hold(reason=said, is_blocking=False)


def _capped(session: Session, campaign: Campaign, accounts: Sequence[Account]) -> str | None:
    """Whether a cap above the campaign has no room at any account."""
    now = DatabaseClock().now(session)
    caps = [cap for cap in session.scalars(select(SpendingCap).order_by(SpendingCap.id)) if is_exhausted(cap, now)]
    by_account = [
        [cap for cap in caps if covers(cap, campaign.tenant_id, account.id, CURRENCY_BY_REGION.get(account.region))]
        for account in accounts
    ]
    if not by_account or not all(by_account):
        return None
    cap = by_account[0][0]
    return (
        f"the spending cap of {describe_cap(session, cap)} has no room for the next clip until what is reserved is "
        f"given back or the next {cap.period} (UTC) begins: {_OPERATOR}, who can raise it"
    )


def _held_until(session: Session, model: str, accounts: Sequence[Account]) -> datetime | None:
    """When the first account may be submitted to again, where the provider has named a time that is minutes away."""
    lanes = session.scalars(
        select(SubmitLane.throttled_until).where(
            SubmitLane.model == model, SubmitLane.account_id.in_([account.id for account in accounts])
        )
    ).all()
    soon = DatabaseClock().now(session) + timedelta(seconds=LONG_WAIT_SECONDS / 2)
    held = [until for until in lanes if until is not None and until > soon]
    return min(held) if held and len(held) == len(accounts) else None


def _full(session: Session, campaign: Campaign, model: str, accounts: Sequence[Account]) -> str | None:
    """Whether every slot of a model is leased, and to whom."""
    slots = sum(lane_limits(account, model).slots for account in accounts)
    held: Counter[UUID] = Counter(
        dict(
            session.execute(
                select(Slot.campaign_id, func.count())
                .where(Slot.model == model, Slot.account_id.in_([account.id for account in accounts]))
                .group_by(Slot.campaign_id)
            ).all()
        )
    )
    if not accounts or held.total() < slots:  # the first start of the workers makes the first account
        return None
    others = held.total() - held[campaign.id]
    by = f", {others} of them by other campaigns" if others else ""
    return f"the provider renders {slots} clips of {model} at a time, and {held.total()} are there{by}"


def _before_archive(session: Session, campaign: Campaign) -> Iterator[Hold]:
    refused = exists().where(JobEvent.job_id == RenderJob.id, JobEvent.kind == STORE_FAILED)
    waiting = session.scalars(
        select(func.count()).where(
            RenderJob.campaign_id == campaign.id, RenderJob.state == RenderState.ARCHIVING, refused
        )
    ).one()
    if waiting:
        what = "1 rendered clip waits" if waiting == 1 else f"{waiting} rendered clips wait"
        yield _blocking(f"{what}, as the archive takes no file now: {_OPERATOR}, before the results expire")


def _blocking(reason: str) -> Hold:
    return Hold(reason=reason, is_blocking=True)
