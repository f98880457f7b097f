"""Accounts: the default one from the environment, and pausing one that needs a person."""

from __future__ import annotations

from datetime import datetime
from uuid import UUID

import structlog
from sqlalchemy import or_, select, update
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.orm import Session

from models.account import DEFAULT_ACCOUNT_NAME, Account
from models.base import new_id
from models.operations.scheduling.poll_wakeups import ensure_lane
from reelqueue.pricing import region_of
from workers.runtime.context import Services

log = structlog.get_logger(__name__)


def ensure_default_account(session: Session, services: Services) -> UUID:
    """Make the default account, or move it to where the environment now says.

    Tasks of earlier submits are polled where they were submitted, whatever the account says now.
    """
    base_url = services.settings.provider.video_base_url.rstrip("/")
    wanted = {"base_url": base_url, "region": region_of(base_url), "key_env": services.default_key_variable()}
    made = insert(Account).values(id=new_id(), name=DEFAULT_ACCOUNT_NAME, **wanted)
    session.execute(
        made.on_conflict_do_update(
            index_elements=["name"],
            set_=wanted,
            where=or_(Account.base_url != wanted["base_url"], Account.key_env != wanted["key_env"]),
        )
    )
    account_id = session.scalars(select(Account.id).where(Account.name == DEFAULT_ACCOUNT_NAME)).one()
    ensure_lane(session, account_id)
    return account_id


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
    """Submit to an account again; False if it was not paused."""
    resumed = session.scalars(
        update(Account)
        .where(Account.name == name, Account.paused_at.is_not(None))
        .values(paused_at=None, paused_reason=None)
        .returning(Account.id)
    ).one_or_none()
    return resumed is not None
