"""Turns: when an account's next query, list or cancel may be sent.

The provider counts them per account and kind, over all hosts; so does this table.
"""

from __future__ import annotations

from datetime import datetime, timedelta
from enum import StrEnum
from uuid import UUID

from sqlalchemy import ForeignKey, func
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.orm import Mapped, Session, mapped_column

from models.base import Base


class TurnKind(StrEnum):
    """Calls that the provider counts together."""

    QUERY = "query"
    LIST = "list"
    CANCEL = "cancel"


class Turn(Base):
    """The next free turn of one kind of call at one account."""

    __tablename__ = "turns"
    __table_args__ = ({"comment": "When the next query, list or cancel of an account may be sent"},)

    account_id: Mapped[UUID] = mapped_column(ForeignKey("accounts.id"), primary_key=True, comment="Whose")
    kind: Mapped[TurnKind] = mapped_column(primary_key=True, comment="query, list or cancel")
    free_at: Mapped[datetime] = mapped_column(comment="When the next one may be sent")


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
            index_elements=["account_id", "kind"], set_={"free_at": func.greatest(Turn.free_at, now) + length}
        ).returning(Turn.free_at)
    ).one()
    return free_at - length
