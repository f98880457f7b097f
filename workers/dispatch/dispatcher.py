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
from models.operations.scheduling.account_limits import lane_limits, offers
from models.operations.scheduling.poll_wakeups import wake_late_lanes
from models.operations.scheduling.submit_gates import Openings, keep_alive, read_openings
from workers.dispatch.admission import Admitted, LaneAdmission
from workers.dispatch.canaries import choose_canaries
from workers.dispatch.circuit_breaker import trip_breakers
from workers.dispatch.default_account import ensure_default_account
from workers.dispatch.queue import lines, open_campaigns, waiting_campaigns, waiting_models
from workers.dispatch.usage import Usage
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
    going = open_campaigns(session, {one for ids in wanted.values() for one in ids}, now)
    usage = Usage.open(session, trip_breakers(session, going, now), now)
    choose_canaries(session, usage)
    return [
        one
        for model in wanted
        for account in accounts
        if offers(account, model) and openings.lets(account.id, model)
        for one in _admit_to(session, usage, account, model, now)
    ]


def _healthy(session: Session) -> list[Account]:
    accounts = select(Account).where(Account.paused_at.is_(None)).order_by(Account.created_at, Account.id)
    # Dispatchers take turns; key_share, because a plain lock would stop every row that names the account.
    return list(session.scalars(accounts.with_for_update(key_share=True)))


def _admit_to(session: Session, usage: Usage, account: Account, model: str, now: datetime) -> list[Admitted]:
    gate = LaneAdmission(session, usage, account, model, lane_limits(account, model), now)
    if gate.free <= 0:
        return []
    return gate.admit(lines(session, model, usage, now, gate.free))
