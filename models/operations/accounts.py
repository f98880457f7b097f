"""Pauses and resumes an account."""

from __future__ import annotations

from datetime import datetime
from uuid import UUID

import structlog
from sqlalchemy import select, update
from sqlalchemy.orm import Session

from models.account import Account
from models.submit_lane import SubmitLane

log = structlog.get_logger(__name__)


def pause_account(session: Session, account_id: UUID, reason: str, *, now: datetime) -> None:
    """Submit nothing more to an account until a person has looked; what it renders is followed on."""
    paused = session.scalars(
        update(Account)
        .where(Account.id == account_id, Account.paused_at.is_(None))
        .values(paused_at=now, paused_reason=reason)
        .returning(Account.name)
    ).one_or_none()
    if paused is not None:
        log.error("account.paused", account=paused, reason=reason, remedy="python -m workers accounts resume " + paused)


def resume_account(session: Session, name: str) -> bool:
    """Submit to an account again, at once also where a refusal holds one of its models; False if nothing held it."""
    account_id = session.scalars(select(Account.id).where(Account.name == name)).one_or_none()
    resumed = session.scalars(
        update(Account)
        .where(Account.id == account_id, Account.paused_at.is_not(None))
        .values(paused_at=None, paused_reason=None)
        .returning(Account.id)
    ).one_or_none()
    held = update(SubmitLane).where(SubmitLane.account_id == account_id, SubmitLane.throttled_until.is_not(None))
    lifted = session.scalars(held.values(throttled_until=None).returning(SubmitLane.model)).all()
    return resumed is not None or bool(lifted)
