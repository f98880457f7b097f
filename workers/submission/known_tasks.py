"""Which provider tasks the database has, at whatever account: the keys of two may be of one main account."""

from __future__ import annotations

from collections.abc import Iterable

from sqlalchemy import ARRAY, ColumnElement, Text, and_, any_, func, literal, select
from sqlalchemy.orm import Session

from models.account import Account
from models.provider_task import ProviderTask


def is_stored(session: Session, ids: Iterable[str]) -> ColumnElement[bool]:
    """Whether a provider task of ours has one of these ids, at whatever account: two may share a main account.

    One parameter however many they are, and every account by name: so that the unique index answers it.
    """
    accounts = list(session.scalars(select(Account.id)))
    wanted = literal(list(ids), ARRAY(Text))
    return and_(ProviderTask.account_id.in_(accounts), ProviderTask.provider_task_id == any_(wanted))


def lock_task_id(session: Session, provider_task_id: str) -> None:
    """Wait until no other transaction stores a task with this id, and let none until the commit.

    The unique index holds for one account; no row is there to be locked before the task is stored.
    """
    session.execute(select(func.pg_advisory_xact_lock(func.hashtextextended(provider_task_id, 0))))
