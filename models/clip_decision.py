"""What a person decided about a rendered clip: the one that stands; how it came about is in the job's events.

A table of its own, because workers move the jobs' rows and people must not get in their way.
"""

from __future__ import annotations

from datetime import datetime
from uuid import UUID

from sqlalchemy import ForeignKey
from sqlalchemy.orm import Mapped, mapped_column

from models.base import Base
from reelqueue.schemas.campaigns import Decision


class ClipDecision(Base):
    """The decision about one clip."""

    __tablename__ = "clip_decisions"
    __table_args__ = ({"comment": "What people decided about rendered clips; the decision that stands"},)

    job_id: Mapped[UUID] = mapped_column(ForeignKey("render_jobs.id"), primary_key=True, comment="The clip's job")
    decision: Mapped[Decision] = mapped_column(comment="approve or reject")
    key_name: Mapped[str | None] = mapped_column(
        comment="Name of the API key that it was made with; null: on the server's own machine, without one"
    )
    decided_at: Mapped[datetime] = mapped_column(comment="When it was made")
