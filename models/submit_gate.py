"""A submit gate: whether an account takes submits, or first has to be compared with the provider's task list.

A database can go back in time: a backup is restored, a replica takes over that lagged. Jobs are then `queued` again
whose tasks exist and were paid for. So the row holds the database that it was last open in, and until when the record
is known to be whole; in another database, or after a while without a worker, the gate is closed.
"""

from __future__ import annotations

from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import ForeignKey, text
from sqlalchemy.orm import Mapped, mapped_column

from models.base import Base


class SubmitGate(Base):
    """One account's gate."""

    __tablename__ = "submit_gates"
    __table_args__ = ({"comment": "Whether each account takes submits, or waits for the provider's task list"},)

    account_id: Mapped[UUID] = mapped_column(ForeignKey("accounts.id"), primary_key=True, comment="Whose")
    database_id: Mapped[str | None] = mapped_column(
        comment="Postgres system identifier, timeline and object ids of the database it was last seen in"
    )
    server_started_at: Mapped[datetime | None] = mapped_column(comment="When that Postgres server was started")
    alive_at: Mapped[datetime | None] = mapped_column(comment="A recent dispatch, to within half a minute")
    known_until: Mapped[datetime | None] = mapped_column(
        comment="Every task of ours that is older is on record; stands still while the gate is not fully open"
    )
    is_open: Mapped[bool] = mapped_column(
        default=False, server_default=text("false"), comment="Whether it takes submits of models that are not held"
    )
    closed_at: Mapped[datetime | None] = mapped_column(comment="When the present comparison became necessary")
    cause: Mapped[str | None] = mapped_column(comment="restarted or restored: what made the comparison necessary")
    reason: Mapped[str | None] = mapped_column(comment="What it waits for, for operators")
    check_at: Mapped[datetime | None] = mapped_column(comment="When the list is read next; null: never")
    held_tasks: Mapped[dict[str, Any]] = mapped_column(
        default=dict,
        server_default=text("'{}'"),
        comment="Listed tasks that may belong to waiting jobs, by model; no job of that model is submitted",
    )
    foreign_task_ids: Mapped[list[str]] = mapped_column(
        default=list, server_default=text("'[]'"), comment="Listed tasks that were found to be no job's of ours"
    )
