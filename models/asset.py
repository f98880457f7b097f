"""A stored file of a render job: the video itself, and what is made from it."""

from __future__ import annotations

from datetime import datetime
from decimal import Decimal
from enum import StrEnum
from uuid import UUID

from sqlalchemy import BigInteger, ForeignKey, UniqueConstraint
from sqlalchemy.orm import Mapped, mapped_column

from models.base import Base, new_id


class AssetKind(StrEnum):
    """What a stored file is."""

    VIDEO = "video"
    POSTER = "poster"
    LAST_FRAME = "last_frame"
    """Its last picture: another clip may begin with it, also one that is thought of later."""
    SIDECAR = "sidecar"
    """What it was made from, as JSON; see :mod:`reelqueue.schemas.sidecar`."""


class Asset(Base):
    """One stored file."""

    __tablename__ = "assets"
    __table_args__ = (
        UniqueConstraint("job_id", "kind"),
        {"comment": "Stored files: kind, place, checksum and what the prober measured"},
    )

    id: Mapped[UUID] = mapped_column(primary_key=True, default=new_id, comment="Ours, UUIDv7")
    job_id: Mapped[UUID] = mapped_column(ForeignKey("render_jobs.id"), comment="The job it came from")
    kind: Mapped[AssetKind] = mapped_column(comment="video, poster, last_frame or sidecar")
    path: Mapped[str] = mapped_column(comment="Relative to the archive's root, with forward slashes")
    content_type: Mapped[str] = mapped_column(comment="MIME type")
    size_bytes: Mapped[int] = mapped_column(BigInteger, comment="Of the file")
    sha256: Mapped[str] = mapped_column(comment="Hex SHA-256 of the file")
    width_px: Mapped[int | None] = mapped_column(comment="Measured")
    height_px: Mapped[int | None] = mapped_column(comment="Measured")
    duration_seconds: Mapped[Decimal | None] = mapped_column(comment="Measured, for a video")
    has_audio: Mapped[bool | None] = mapped_column(comment="Measured, for a video")
    video_codec: Mapped[str | None] = mapped_column(comment="Measured, for a video")
    created_at: Mapped[datetime] = mapped_column(comment="When it was stored")
