"""A batch: text jobs that are sent to the provider as one file, and answered within a day at half the price.

Making it at the provider is the paid step. It is committed before a byte leaves, and never done twice: after a lost
answer the provider's list is asked for the batch's name.
"""

from __future__ import annotations

from datetime import datetime
from uuid import UUID

from sqlalchemy import ForeignKey, Index, func, text
from sqlalchemy.orm import Mapped, mapped_column

from models.base import Base, new_id
from reelqueue.states import FailureClass, TextBatchState


class TextBatch(Base):
    """Text jobs of one account, model and thinking mode that are sent together."""

    __tablename__ = "text_batches"
    __table_args__ = (
        Index("ix_text_batches_next_step_at", "next_step_at", postgresql_where=text("state <> 'closed'")),
        Index("ix_text_batches_account_id", "account_id"),
        Index(
            "uq_text_batches_provider_batch_id",
            "account_id",
            "provider_batch_id",
            unique=True,
            postgresql_where=text("provider_batch_id IS NOT NULL"),
        ),
        {"comment": "Text jobs that are sent to the provider as one file"},
    )

    id: Mapped[UUID] = mapped_column(primary_key=True, default=new_id, comment="Ours, UUIDv7")
    account_id: Mapped[UUID] = mapped_column(ForeignKey("accounts.id"), comment="Where it goes")
    base_url: Mapped[str] = mapped_column(comment="The base URL that it is sent to")
    model: Mapped[str] = mapped_column(comment="The model of all its lines")
    thinking: Mapped[bool | None] = mapped_column(comment="`enable_thinking` of all its lines; null: they have none")
    name: Mapped[str] = mapped_column(unique=True, comment="Its `ds_name` at the provider, by which it is looked up")
    state: Mapped[TextBatchState] = mapped_column(comment="How far it came; see reelqueue.states")
    line_count: Mapped[int] = mapped_column(comment="Jobs that it was gathered from")
    created_at: Mapped[datetime] = mapped_column(server_default=func.now(), comment="When its jobs were claimed")
    next_step_at: Mapped[datetime] = mapped_column(
        comment="When its next step is due; while a worker takes a step, when that worker counts as dead"
    )
    step: Mapped[int] = mapped_column(
        default=0, comment="Fence: raised by each worker that takes a step; a late one makes nothing at the provider"
    )
    problem_count: Mapped[int] = mapped_column(default=0, comment="Steps in a row that failed")
    problem: Mapped[str | None] = mapped_column(comment="Why the last step failed; null: it did not")

    input_file_id: Mapped[str | None] = mapped_column(comment="The provider's id of the file that it was made of")
    sent_at: Mapped[datetime | None] = mapped_column(comment="When making it was committed as about to be sent")
    key_fingerprint: Mapped[str | None] = mapped_column(
        comment="Of the key it was sent with: another main account's list does not show it; null: it was not sent"
    )
    answer_by: Mapped[datetime | None] = mapped_column(comment="From here on the request cannot be under way any more")
    provider_sent_at: Mapped[datetime | None] = mapped_column(
        comment="The provider's own time just before it was sent; null: it was not said"
    )
    first_absent_at: Mapped[datetime | None] = mapped_column(comment="When the list was first without it")
    provider_absent_at: Mapped[datetime | None] = mapped_column(comment="The same by the provider's own time")
    provider_batch_id: Mapped[str | None] = mapped_column(comment="The provider's id; null: it is not known to exist")
    provider_status: Mapped[str | None] = mapped_column(comment="The provider's word, as received")
    cancel_sent_at: Mapped[datetime | None] = mapped_column(comment="When the provider was asked to cancel it")
    closed_at: Mapped[datetime | None] = mapped_column(comment="When all its jobs had their outcome")
    error_class: Mapped[FailureClass | None] = mapped_column(comment="Why there is no batch, by what to do about it")
    error_code: Mapped[str | None] = mapped_column(comment="The provider's as received, or one of ours")
    error_message: Mapped[str | None] = mapped_column(comment="For people")
