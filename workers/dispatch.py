"""Admission: what should be at the provider, what is, and the difference; and polls that are due sooner than planned.

Level-triggered: a dispatch looks at the rows alone, so it does not matter which hint called it, or
how often. The account's row lock makes dispatchers take turns, which keeps the count of slots true.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from uuid import UUID

import structlog
from sqlalchemy import func, or_, select
from sqlalchemy.orm import Session

from models.account import Account
from models.lane import wake_late_lanes
from models.render_job import RenderJob
from models.slot import Slot
from models.transitions import move
from reelqueue.catalog import lookup
from reelqueue.states import RenderState
from workers.accounts import ensure_default_account
from workers.failpoints import Failpoint, failpoint
from workers.services import Services

log = structlog.get_logger(__name__)

# What the strictest documented models allow; for models whose limits nobody has published.
UNKNOWN_MODEL_SLOTS = 2
UNKNOWN_MODEL_SUBMITS_PER_SECOND = 2.0


@dataclass(frozen=True)
class Admitted:
    """A job that got a slot."""

    job_id: UUID
    epoch: int
    model: str
    submit_at: datetime
    """When its submit is due at the pace of its account and model."""


def dispatch(services: Services) -> list[Admitted]:
    """Admit what fits, then hint at each submit, and at polls that somebody wants earlier."""
    with services.sessions.begin() as session:
        ensure_default_account(session, services)
        now = services.clock.now(session)
        admitted = [one for account in _healthy(session) for one in _admit_to(session, account, now)]
        wakes = wake_late_lanes(session, now=now)
    for one in admitted:
        failpoint(Failpoint.ADMITTED)
        delay = (one.submit_at - now).total_seconds()
        services.hints.submit(one.job_id, one.epoch, one.model, delay_seconds=delay)
    for wake in wakes:
        services.hints.poll(wake, now=now)
    if admitted:
        log.info("dispatch.admitted", count=len(admitted))
    return admitted


def _healthy(session: Session) -> list[Account]:
    accounts = select(Account).where(Account.paused_at.is_(None)).order_by(Account.created_at)
    # Dispatchers take turns; key_share, because a plain lock would stop every row that names the account.
    return list(session.scalars(accounts.with_for_update(key_share=True)))


def _admit_to(session: Session, account: Account, now: datetime) -> list[Admitted]:
    return [one for model in _waiting_models(session) for one in _admit_model(session, account, model, now)]


def _waiting_models(session: Session) -> list[str]:
    """Models with queued jobs, found by hopping from one to the next in the index.

    ``SELECT DISTINCT`` would read every queued row: half a campaign at each dispatch.
    """
    queued = RenderJob.state == RenderState.QUEUED
    first = select(func.min(RenderJob.model).label("model")).where(queued)
    hop = first.cte("hop", recursive=True)
    following = select(func.min(RenderJob.model)).where(queued, RenderJob.model > hop.c.model).correlate(hop)
    hop = hop.union_all(select(following.scalar_subquery()).where(hop.c.model.is_not(None)))
    return list(session.scalars(select(hop.c.model).where(hop.c.model.is_not(None))))


def _admit_model(session: Session, account: Account, model: str, now: datetime) -> list[Admitted]:
    slots, per_second = lane_limits(model)
    taken, last_submit_at = _taken(session, account.id, model)
    # The look-ahead keeps tasks queued at the provider, so that a slot it frees is filled at once.
    free = slots + account.look_ahead - taken
    if free <= 0:
        return []
    due = max(now, last_submit_at + timedelta(seconds=1 / per_second)) if last_submit_at is not None else now
    admitted = []
    for job_id, epoch in _next_in_line(session, model, now, free):
        _lease(session, account.id, job_id, model, epoch=epoch + 1, now=now, submit_at=due)
        admitted.append(Admitted(job_id, epoch + 1, model, due))
        due += timedelta(seconds=1 / per_second)
    return admitted


def _taken(session: Session, account_id: UUID, model: str) -> tuple[int, datetime | None]:
    """How many slots are leased, and when the last of their submits is due."""
    leased = select(func.count(), func.max(Slot.submit_at)).where(Slot.account_id == account_id, Slot.model == model)
    count, last_submit_at = session.execute(leased).one()
    return count, last_submit_at


def lane_limits(model: str) -> tuple[int, float]:
    """Slots, and submits per second, of an account for a model."""
    spec = lookup(model)
    slots = spec.slots if spec else None
    per_second = spec.submits_per_second if spec else None
    return slots or UNKNOWN_MODEL_SLOTS, float(per_second or UNKNOWN_MODEL_SUBMITS_PER_SECOND)


def _next_in_line(session: Session, model: str, now: datetime, count: int) -> list[tuple[UUID, int]]:
    waiting = (
        select(RenderJob.id, RenderJob.epoch)
        .where(
            RenderJob.state == RenderState.QUEUED,
            RenderJob.model == model,
            or_(RenderJob.not_before_at.is_(None), RenderJob.not_before_at <= now),
            or_(RenderJob.start_by.is_(None), RenderJob.start_by > now),
        )
        .order_by(RenderJob.priority.desc(), RenderJob.created_at, RenderJob.id)
        .limit(count)
        .with_for_update(skip_locked=True)
    )
    return [(job_id, epoch) for job_id, epoch in session.execute(waiting)]


def _lease(
    session: Session, account_id: UUID, job_id: UUID, model: str, *, epoch: int, now: datetime, submit_at: datetime
) -> None:
    move(
        session,
        job_id,
        [RenderState.QUEUED],
        RenderState.ADMITTED,
        now=now,
        account_id=account_id,
        admitted_at=now,
        epoch_to=epoch,
    )
    session.add(Slot(job_id=job_id, account_id=account_id, model=model, submit_at=submit_at, leased_at=now))
