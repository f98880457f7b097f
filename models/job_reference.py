"""The pictures, clips and sounds that a render job uses, in order.

Order matters: ``character1`` in a prompt is the first reference.
"""

from __future__ import annotations

from enum import StrEnum
from uuid import UUID

from sqlalchemy import ForeignKey, SmallInteger
from sqlalchemy.orm import Mapped, mapped_column

from models.base import Base


class ReferenceRole(StrEnum):
    """The request's option that named the reference."""

    IMAGE = "image"
    LAST_FRAME = "last_frame"
    REFERENCE = "reference_urls"
    MEDIA = "media"


class JobReference(Base):
    """One reference of one render job."""

    __tablename__ = "job_references"
    __table_args__ = ({"comment": "Reference URLs and frames of render jobs, in the order given"},)

    job_id: Mapped[UUID] = mapped_column(
        ForeignKey("render_jobs.id", ondelete="CASCADE"), primary_key=True, comment="The job that uses it"
    )
    position: Mapped[int] = mapped_column(SmallInteger, primary_key=True, comment="From 0, in the order given")
    role: Mapped[ReferenceRole] = mapped_column(comment="The option that named it")
    media_type: Mapped[str | None] = mapped_column(comment="The item's type, for role media")
    url: Mapped[str] = mapped_column(comment="http(s), oss or data URL")
    voice_url: Mapped[str | None] = mapped_column(comment="The voice that speaks for it")
    path: Mapped[str | None] = mapped_column(
        comment="The path of the producer's file that is embedded, as its campaign file has it; null: it was a URL"
    )
