"""Dispatch: admits the jobs that fit at the provider now, and hints at polls that are due sooner than planned.

Level-triggered: a dispatch looks at the rows alone, so it does not matter which hint called it, or
how often. The accounts' row locks make dispatchers take turns, which keeps the count of slots true.
"""

from __future__ import annotations

from datetime import datetime

import structlog
from sqlalchemy import select
from sqlalchemy.orm import Session

from models.account import Account
from models.operations.admission.canaries import choose_canaries
from models.operations.admission.lanes import Lane, open_lanes
from models.operations.admission.queue import lines, open_campaigns, waiting_campaigns, waiting_models
from models.operations.admission.usage import Usage
from models.operations.money.caps import Caps
from models.operations.scheduling.poll_wakeups import wake_late_lanes
from models.operations.scheduling.submit_gates import Openings, keep_alive, read_openings
from workers.dispatch.admission import Admitted, LaneAdmission
from workers.dispatch.circuit_breaker import trip_breakers
from workers.dispatch.default_account import ensure_default_account
from workers.failpoints import Failpoint, failpoint
from workers.recovery.gates import open_gates
from workers.runtime.context import Context

log = structlog.get_logger(__name__)


def dispatch(context: Context) -> list[Admitted]:
    """Make the default account if there is none, open the submit gates that can be opened, and admit what fits."""
    with context.sessions.begin() as session:
        ensure_default_account(session, context)
    open_gates(context)
    return admit_jobs(context)


def admit_jobs(context: Context) -> list[Admitted]:
    """Admit what fits, but nothing to a closed gate; then hint at each submit, and at polls that are wanted earlier."""
    with context.sessions.begin() as session:
        now = context.clock.now(session)
        accounts = _healthy(session)
        openings = read_openings(session, now)
        keep_alive(session, openings, now)
        admitted = _admit(session, accounts, openings, now)
        wakes = wake_late_lanes(session, now=now)
    for one in admitted:
        failpoint(Failpoint.ADMITTED)
        delay = (one.submit_at - now).total_seconds()
        context.hints.submit(one.job_id, one.epoch, one.model, delay_seconds=delay)
    for wake in wakes:
        context.hints.poll(wake, now=now)
    if admitted:
        log.info("dispatch.admitted", count=len(admitted))
    return admitted


def _admit(session: Session, accounts: list[Account], openings: Openings, now: datetime) -> list[Admitted]:
    wanted = {model: waiting_campaigns(session, model) for model in waiting_models(session)}
    if not accounts or not wanted:
        return []
    going = open_campaigns(session, {one for ids in wanted.values() for one in ids}, now, is_locking=True)
    going = trip_breakers(session, going, now)
    usage = Usage.read(session, going, Caps.open(session, now))
    _store_canaries(session, usage)
    lanes = open_lanes(session, usage, accounts, openings, wanted, now)
    return [one for lane in lanes if lane.is_taking for one in _admit_to(lane)]


def _store_canaries(session: Session, usage: Usage) -> None:
    choose_canaries(session, usage)
    for campaign_id, clip_ids in usage.canary_clips.items():
        if clip_ids != list(usage.campaigns[campaign_id].canary_ids or ()):
            usage.campaigns[campaign_id].canary_ids = clip_ids


def _healthy(session: Session) -> list[Account]:
    accounts = select(Account).where(Account.paused_at.is_(None)).order_by(Account.created_at, Account.id)
    # Dispatchers take turns; key_share, because a plain lock would stop every row that names the account.
    return list(session.scalars(accounts.with_for_update(key_share=True)))


def _admit_to(lane: Lane) -> list[Admitted]:
    waiting = lines(lane.session, lane.model, lane.usage, lane.now, lane.free, is_locking=True)
    return LaneAdmission(lane).admit(waiting)
