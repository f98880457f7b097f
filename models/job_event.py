"""What happened to a render job, append-only; each state move has its row, in the move's transaction."""

from __future__ import annotations

from datetime import datetime
from typing import Any, Final
from uuid import UUID

from sqlalchemy import BigInteger, ForeignKey, Identity, Index
from sqlalchemy.orm import Mapped, mapped_column

from models.base import Base
from reelqueue.states import RenderState

STORE_FAILED: Final = "keep_failed"
"""Kind of the event that says what the archive said: for operators, as it names places of theirs."""
DOUBLE_PAYMENT_EXPLAINED: Final = "double_payment_explained"
"""Kind of the event in which an operator says, by name, why a job was paid for more than once."""
WRITE_OFF_TAKEN_BACK: Final = "write_off_taken_back"
"""Kind of the event that names the task, and the job that has it, whose bill a write-off had stood for."""


class JobEvent(Base):
    """One thing that happened."""

    __tablename__ = "job_events"
    __table_args__ = (
        Index("ix_job_events_job_id_id", "job_id", "id"),
        {"comment": "Append-only history of render jobs"},
    )

    id: Mapped[int] = mapped_column(BigInteger, Identity(), primary_key=True, comment="In order of writing")
    job_id: Mapped[UUID] = mapped_column(ForeignKey("render_jobs.id"), comment="Whom it happened to")
    at: Mapped[datetime] = mapped_column(comment="By the database's clock")
    kind: Mapped[str] = mapped_column(comment="state, or a word such as provider_status or alarm")
    from_state: Mapped[RenderState | None] = mapped_column(comment="For a move; null for the first")
    to_state: Mapped[RenderState | None] = mapped_column(comment="For a move")
    detail: Mapped[dict[str, Any]] = mapped_column(default=dict, comment="Small facts; no prompt, URL or key")
