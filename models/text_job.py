"""A text job: one question to a language model, and its answer.

The row is the truth. A Celery message is a hint that something in it is due: the worker that acts on it first moves
the row with a guarded ``UPDATE``.
"""

from __future__ import annotations

from datetime import date, datetime
from decimal import Decimal
from enum import StrEnum
from typing import Any
from uuid import UUID

from sqlalchemy import JSON, CheckConstraint, ForeignKey, Index, func, text
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.orm import Mapped, mapped_column

from models.base import Base, new_id
from reelqueue.states import FailureClass, TextState


class OnLostAnswer(StrEnum):
    """What becomes of a text job whose answer was lost, so that it may be billed without one."""

    RETRY_ONCE = "retry_once"
    """It is asked once more, and may be paid for twice; when that answer is lost as well, it has failed."""
    HOLD = "hold"
    """A person decides whether it is asked again."""


class TextJob(Base):
    """One question to a language model."""

    __tablename__ = "text_jobs"
    __table_args__ = (
        CheckConstraint("(max_cost_amount IS NULL) = (max_cost_currency IS NULL)", name="max_cost_has_currency"),
        CheckConstraint("is_batched = (line_bytes IS NOT NULL)", name="batched_has_line"),
        CheckConstraint("(estimate_amount IS NULL) = (estimate_currency IS NULL)", name="estimate_has_currency"),
        # The hot questions, each over the few live rows.
        Index(
            "ix_text_jobs_queued",
            "model",
            text("priority DESC"),
            "created_at",
            "id",
            postgresql_where=text("state = 'queued' AND NOT is_batched"),
        ),
        Index(
            "ix_text_jobs_batched",
            "model",
            "created_at",
            "id",
            postgresql_where=text("state = 'queued' AND is_batched"),
        ),
        Index("ix_text_jobs_running", "tenant_id", postgresql_where=text("state = 'running' AND NOT is_batched")),
        Index(
            "ix_text_jobs_start_by",
            "start_by",
            postgresql_where=text("start_by IS NOT NULL AND state = 'queued'"),
        ),
        Index("ix_text_jobs_state_created_at", "state", "created_at", "id"),
        # Listings: an owner's jobs, and everybody's, by age.
        Index("ix_text_jobs_tenant_id", "tenant_id", "created_at", "id"),
        Index("ix_text_jobs_campaign_id", "campaign_id", "state", "created_at", "id"),
        Index("ix_text_jobs_created_at", "created_at", "id"),
        # Its owner's question for the jobs of one order, say; those without metadata are not in it.
        Index(
            "ix_text_jobs_metadata",
            "metadata",
            postgresql_using="gin",
            postgresql_ops={"metadata": "jsonb_path_ops"},
            postgresql_where=text("metadata IS NOT NULL"),
        ),
        Index("ix_text_jobs_custom_id", "custom_id", postgresql_where=text("custom_id IS NOT NULL")),
        Index("ix_text_jobs_account_id", "account_id"),
        # One tenant's key must neither collide with another's nor tell of it.
        Index(
            "uq_text_jobs_idempotency_key",
            "tenant_id",
            "idempotency_key",
            unique=True,
            postgresql_where=text("idempotency_key IS NOT NULL"),
        ),
        {"comment": "One question to a language model, and its answer"},
    )

    id: Mapped[UUID] = mapped_column(primary_key=True, default=new_id, comment="Ours (text_job_id), UUIDv7")
    tenant_id: Mapped[UUID] = mapped_column(ForeignKey("tenants.id"), comment="Its owner, and its campaign's")
    campaign_id: Mapped[UUID] = mapped_column(ForeignKey("campaigns.id"), comment="Whose budget pays for it")
    idempotency_key: Mapped[str | None] = mapped_column(
        comment="The producer's; the same key twice is the same job of this tenant"
    )
    request_sha256: Mapped[str] = mapped_column(comment="Hex SHA-256 of request and options as canonical JSON")
    custom_id: Mapped[str | None] = mapped_column(comment="The producer's own name for it; not unique")
    job_metadata: Mapped[dict[str, Any] | None] = mapped_column(
        "metadata", JSONB(none_as_null=True), comment="The producer's own JSON object"
    )
    priority: Mapped[int] = mapped_column(default=0, comment="-100 to 100; higher is asked first")
    state: Mapped[TextState] = mapped_column(comment="Our state; see reelqueue.states")
    epoch: Mapped[int] = mapped_column(
        default=0, comment="Fence: raised by each claim; a late owner's write finds none"
    )

    # What was asked for.
    model: Mapped[str] = mapped_column(comment="The model id")
    # Not JSONB, which sorts keys: a model reads the properties of a schema in the order in which they stand.
    request: Mapped[dict[str, Any]] = mapped_column(
        JSON, comment="The text request as parse_text_request reads it, in its order"
    )
    is_streamed: Mapped[bool] = mapped_column(
        default=False, comment="Whether its answer is shown piece by piece while it comes"
    )
    is_batched: Mapped[bool] = mapped_column(
        default=False,
        server_default=text("false"),
        comment="Whether it is asked in a batch: within a day, at half the price",
    )
    line_bytes: Mapped[int | None] = mapped_column(comment="Of its line in a batch's file; null: it is in none")
    on_lost_answer: Mapped[OnLostAnswer] = mapped_column(default=OnLostAnswer.RETRY_ONCE, comment="retry_once or hold")
    max_cost_amount: Mapped[Decimal | None] = mapped_column(
        comment="Most that all its attempts together may cost; null: no limit of its own"
    )
    max_cost_currency: Mapped[str | None] = mapped_column(comment="ISO 4217 code")
    start_by: Mapped[datetime | None] = mapped_column(comment="Not sent after this: expired instead")
    warnings: Mapped[list[str]] = mapped_column(default=list, comment="What the builder warned about at intake")
    estimate_amount: Mapped[Decimal | None] = mapped_column(
        comment="The most that one attempt may cost by the list prices at intake; null: no price is known"
    )
    estimate_currency: Mapped[str | None] = mapped_column(comment="ISO 4217 code")

    # As it goes.
    not_before_at: Mapped[datetime | None] = mapped_column(comment="Not sent earlier; back-off, or an empty budget")
    account_id: Mapped[UUID | None] = mapped_column(ForeignKey("accounts.id"), comment="Where it was last sent")
    retry_count: Mapped[int] = mapped_column(
        default=0, server_default=text("0"), comment="How often a person had it asked again after a lost answer"
    )
    cancel_requested_at: Mapped[datetime | None] = mapped_column(comment="When a person asked to stop it")
    created_at: Mapped[datetime] = mapped_column(server_default=func.now(), comment="When it was stored")
    started_at: Mapped[datetime | None] = mapped_column(comment="When its last attempt was claimed")
    finished_at: Mapped[datetime | None] = mapped_column(comment="When it reached a terminal state")

    # The answer; only ever a whole one.
    text: Mapped[str | None] = mapped_column(comment="What the model wrote; null: there is no whole answer")
    reasoning: Mapped[str | None] = mapped_column(comment="What it thought before")
    tool_calls: Mapped[list[dict[str, Any]] | None] = mapped_column(
        JSON(none_as_null=True), comment="Calls that it wants: id, name, arguments as JSON text"
    )
    finish_reason: Mapped[str | None] = mapped_column(comment="stop, length or tool_calls")
    answered_model: Mapped[str | None] = mapped_column(comment="The model as the service names it")
    request_id: Mapped[str | None] = mapped_column(comment="The provider's id of the answered call")
    usage: Mapped[dict[str, Any] | None] = mapped_column(
        JSONB(none_as_null=True), comment="Tokens of the answered call; null: not said"
    )

    # What all attempts have cost together.
    cost_amount: Mapped[Decimal | None] = mapped_column(
        comment="Sum of its ledger entries; null: nothing was billed, or no price is known"
    )
    cost_currency: Mapped[str | None] = mapped_column(comment="ISO 4217 code")
    cost_is_estimate: Mapped[bool] = mapped_column(
        default=False, comment="Whether a part of it is the most that an attempt may have cost"
    )
    priced_on: Mapped[date | None] = mapped_column(comment="Day of the price list")

    failure_class: Mapped[FailureClass | None] = mapped_column(comment="Why it failed or waits, by what to do about it")
    failure_code: Mapped[str | None] = mapped_column(comment="The provider's as received, or one of ours")
    failure_message: Mapped[str | None] = mapped_column(comment="For people")
