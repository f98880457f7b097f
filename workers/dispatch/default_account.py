"""Keeps the default account equal to the environment."""

from __future__ import annotations

from uuid import UUID

from sqlalchemy import or_, select
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.orm import Session

from models.account import DEFAULT_ACCOUNT_NAME, Account
from models.base import new_id
from models.operations.scheduling.poll_wakeups import ensure_lane
from reelqueue.pricing import region_of
from workers.runtime.context import Context


def ensure_default_account(session: Session, context: Context) -> UUID:
    """Make the default account, or move it to where the environment now says.

    Tasks of earlier submits are polled where they were submitted, whatever the account says now.
    """
    base_url = context.settings.provider.video_base_url.rstrip("/")
    wanted = {
        "base_url": base_url,
        "text_base_url": context.settings.text.base_url,
        "region": region_of(base_url),
        "key_env": context.default_key_variable(),
    }
    made = insert(Account).values(id=new_id(), name=DEFAULT_ACCOUNT_NAME, **wanted)
    session.execute(
        made.on_conflict_do_update(
            index_elements=["name"],
            set_=wanted,
            where=or_(
                Account.base_url != wanted["base_url"],
                Account.text_base_url.is_distinct_from(wanted["text_base_url"]),
                Account.key_env != wanted["key_env"],
            ),
        )
    )
    account_id = session.scalars(select(Account.id).where(Account.name == DEFAULT_ACCOUNT_NAME)).one()
    ensure_lane(session, account_id)
    return account_id
