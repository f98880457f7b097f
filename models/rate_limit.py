"""Turns: when an account's next query, list or cancel may be sent.

The provider counts them per account and kind, over all hosts; so does this table.
"""

from __future__ import annotations

from datetime import datetime
from enum import StrEnum
from uuid import UUID

from sqlalchemy import ForeignKey
from sqlalchemy.orm import Mapped, mapped_column

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
