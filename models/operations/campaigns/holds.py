"""What holds up a campaign that runs: reasons that its owner sees, each with who can do something about it."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import datetime
from typing import Final

from sqlalchemy import exists, func, select
from sqlalchemy.orm import Session

from models.campaign import Campaign
from models.job_event import STORE_FAILED, JobEvent
from models.operations.admission.conditions import Cause
from models.operations.scheduling.submit_throttle import LONG_WAIT_SECONDS
from models.operations.waiting.queued import Wait, what_waits
from models.operations.waiting.why import why_queued
from models.operations.waiting.words import OPERATOR
from models.render_job import RenderJob
from reelqueue.schemas.campaigns import Hold
from reelqueue.states import RenderState

_HOLDING: Final = {
    Cause.NOT_OFFERED,
    Cause.ACCOUNT_PAUSED,
    Cause.GATE,
    Cause.NO_SLOTS,
    Cause.CAP,
    Cause.UNPRICED,
    Cause.CURRENCY,
    Cause.THROTTLED,
}
"""Causes that a campaign does not show by its phase."""
_SHORT_SECONDS: Final = LONG_WAIT_SECONDS / 2
"""A provider that wants less for so long is no news."""


def holds_of(session: Session, campaign: Campaign, *, now: datetime) -> list[Hold]:
    """Why clips of a campaign wait now; nothing where everything moves.

    Args:
        session: In a transaction.
        campaign: One that is not paused, and whose budget and canary let it go on.
        now: The time.
    """
    return [*_before_submit(session, campaign, now), *_before_archive(session, campaign)]


def _before_submit(session: Session, campaign: Campaign, now: datetime) -> Iterator[Hold]:
    """What the first waiting clip of each model waits for, by the rules of a dispatch."""
    for job in _first_waiting(session, campaign):
        hold = _hold_of(session, job, now)
        if hold is not None:
            yield hold


def _hold_of(session: Session, job: RenderJob, now: datetime) -> Hold | None:
    wait = what_waits(session, job, now, beyond=1)
    if wait.cause is Cause.SLOTS:
        return _full(job, (wait, *wait.others))
    is_short = wait.until is not None and (wait.until - now).total_seconds() < _SHORT_SECONDS
    is_unseen = wait.cause is Cause.GATE and wait.reason is None
    if wait.cause not in _HOLDING or is_short or is_unseen:
        return None
    said = why_queued(session, job, wait, now=now, is_operator=False)
    reason = said.reason if said.remedy is None else f"{said.reason}: {said.remedy}"
    return Hold(reason=reason, is_blocking=said.is_blocking)


def _full(job: RenderJob, waits: Sequence[Wait]) -> Hold | None:
    """Whether every slot of a model is leased."""
    slots, leased = sum(wait.slots for wait in waits), sum(wait.leased for wait in waits)
    if leased < slots:
        return None
    reason = f"the provider renders {slots} clips of {job.model} at a time, and {leased} are there"
    return Hold(reason=reason, is_blocking=False)


def _first_waiting(session: Session, campaign: Campaign) -> Iterator[RenderJob]:
    """The first job in line of each model."""
    waiting = (
        RenderJob.campaign_id == campaign.id,
        RenderJob.state == RenderState.QUEUED,
        RenderJob.is_awaiting.is_(False),
    )
    models = session.scalars(select(RenderJob.model).where(*waiting).group_by(RenderJob.model)).all()
    for model in sorted(models):
        first = select(RenderJob).where(RenderJob.model == model, *waiting)
        in_line = first.order_by(RenderJob.priority.desc(), RenderJob.created_at, RenderJob.id)
        yield from session.scalars(in_line.limit(1))  # none, if it got a slot meanwhile


def _before_archive(session: Session, campaign: Campaign) -> Iterator[Hold]:
    refused = exists().where(JobEvent.job_id == RenderJob.id, JobEvent.kind == STORE_FAILED)
    waiting = session.scalars(
        select(func.count()).where(
            RenderJob.campaign_id == campaign.id, RenderJob.state == RenderState.ARCHIVING, refused
        )
    ).one()
    if waiting:
        what = "1 rendered clip waits" if waiting == 1 else f"{waiting} rendered clips wait"
        yield _blocking(f"{what}, as the archive takes no file now: {OPERATOR}, before the results expire")


def _blocking(reason: str) -> Hold:
    return Hold(reason=reason, is_blocking=True)
