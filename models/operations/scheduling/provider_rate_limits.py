"""Takes the next turns of an account's calls.

The provider counts them per account and kind, over all hosts; so does this table.
"""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Final
from uuid import UUID

from sqlalchemy import ColumnElement, case, update
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.orm import Session

from models.rate_limit import Turn, TurnKind

LONGEST_WAIT: Final = timedelta(seconds=10)
"""No turn is further away: callers take a few at a time, so a row that says more was written by a clock ahead."""


def take_turns(
    session: Session, account_id: UUID, kind: TurnKind, count: int, *, now: datetime, per_second: float
) -> datetime:
    """Take the next *count* turns.

    Args:
        session: In a short transaction: the row is locked until its commit.
        account_id: Whose turns.
        kind: Which calls.
        count: How many calls will be sent, evenly spaced.
        now: The time.
        per_second: The pace.

    Returns:
        When the first of them may be sent, now or later.
    """
    length = timedelta(seconds=count / per_second)
    taken = insert(Turn).values(account_id=account_id, kind=kind, free_at=now + length)
    free_at = session.scalars(
        taken.on_conflict_do_update(
            index_elements=["account_id", "kind"], set_={"free_at": _first_at(now) + length}
        ).returning(Turn.free_at)
    ).one()
    return free_at - length


def next_turn_at(session: Session, account_id: UUID, kind: TurnKind, *, now: datetime) -> datetime:
    """When the next call may be sent, without taking its turn."""
    mine = update(Turn).where(Turn.account_id == account_id, Turn.kind == kind)
    bounded = mine.values(free_at=_first_at(now)).returning(Turn.free_at)
    return session.scalars(bounded.execution_options(synchronize_session=False)).one_or_none() or now


def _first_at(now: datetime) -> ColumnElement[datetime]:
    return case((Turn.free_at.between(now, now + LONGEST_WAIT), Turn.free_at), else_=now)
