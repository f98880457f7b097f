"""A credential at the provider, with its region, limits and health.

The key itself stays in the environment; the row holds the variable's name, so that a dump of the
database opens nothing.
"""

from __future__ import annotations

from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import func
from sqlalchemy.orm import Mapped, mapped_column

from models.base import Base, new_id

DEFAULT_ACCOUNT_NAME = "default"


class Account(Base):
    """One provider account; its limits count over all keys of the same main account."""

    __tablename__ = "accounts"
    __table_args__ = ({"comment": "Provider credentials with region, limits and health; never the key itself"},)

    id: Mapped[UUID] = mapped_column(primary_key=True, default=new_id, comment="Ours, UUIDv7")
    name: Mapped[str] = mapped_column(unique=True, comment="What operators call it")
    base_url: Mapped[str] = mapped_column(comment="Scheme and host that submits go to, without /api/v1")
    text_base_url: Mapped[str | None] = mapped_column(
        comment="Where language models are asked, with its path; null: at the same host"
    )
    region: Mapped[str] = mapped_column(comment="ap-southeast-1 and its like: decides on prices and models")
    key_env: Mapped[str] = mapped_column(comment="Name of the environment variable that holds the key")
    headers: Mapped[dict[str, Any]] = mapped_column(default=dict, comment="Extra headers of every submit")
    models: Mapped[list[str] | None] = mapped_column(comment="Model ids that it renders; null: every model")
    slot_limits: Mapped[dict[str, Any]] = mapped_column(
        default=dict, comment="Slots by model id, where they differ from the published ones"
    )
    text_rates: Mapped[dict[str, Any]] = mapped_column(
        default=dict,
        server_default="{}",
        comment="Requests and tokens per minute by language model, where they differ from the published ones",
    )
    read_limits: Mapped[dict[str, Any]] = mapped_column(
        default=dict, server_default="{}", comment="What the provider says of each model: see ReadLimit"
    )
    limits_read_at: Mapped[datetime | None] = mapped_column(comment="When the provider last said it")
    limits_asked_at: Mapped[datetime | None] = mapped_column(comment="When it was last asked")
    limits_problem: Mapped[str | None] = mapped_column(comment="Why it did not say; null: it did")
    look_ahead: Mapped[int] = mapped_column(
        default=2, comment="Tasks kept queued at the provider beyond its slots, per model; 0 where it rejects them"
    )
    paused_at: Mapped[datetime | None] = mapped_column(comment="Since when nothing new is submitted")
    paused_reason: Mapped[str | None] = mapped_column(comment="The provider's code and message that paused it")
    orphan_task_ids: Mapped[list[str] | None] = mapped_column(
        comment="Tasks of the provider's list that belong to no job here, as last seen; null: never looked"
    )
    orphans_seen_at: Mapped[datetime | None] = mapped_column(comment="When the provider's list was last compared")
    created_at: Mapped[datetime] = mapped_column(server_default=func.now(), comment="When the row was made")
