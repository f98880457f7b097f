"""A render job: one request for one video, the row that everything else hangs on.

The row is the truth. A Celery message is a hint that something in it is due, and may be lost, late
or doubled: the worker that acts on a hint first moves the row with a guarded ``UPDATE``.
"""

from __future__ import annotations

from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import BigInteger, ForeignKey, Index, func, text
from sqlalchemy.orm import Mapped, mapped_column, relationship

from models.base import Base, new_id
from models.job_reference import JobReference
from reelqueue.states import FailureClass, RenderState


class RenderJob(Base):
    """One request for one video."""

    __tablename__ = "render_jobs"
    __table_args__ = (
        # The hot questions, each over the few live rows: millions of finished ones cost nothing.
        Index(
            "ix_render_jobs_queued",
            "model",
            "campaign_id",
            text("priority DESC"),
            "created_at",
            "id",
            postgresql_where=text("state = 'queued' AND NOT is_awaiting"),
        ),
        Index(
            "ix_render_jobs_due_poll",
            "account_id",
            "next_poll_at",
            postgresql_where=text("next_poll_at IS NOT NULL"),
        ),
        Index(
            "ix_render_jobs_due_archive",
            "next_archive_at",
            postgresql_where=text("next_archive_at IS NOT NULL"),
        ),
        # Those whose workers have died: a handful.
        Index("ix_render_jobs_suspects", "account_id", "next_poll_at", postgresql_where=text("death_count > 0")),
        Index(
            "ix_render_jobs_start_by",
            "start_by",
            postgresql_where=text("start_by IS NOT NULL AND state IN ('queued', 'admitted')"),
        ),
        Index("ix_render_jobs_account_id", "account_id"),
        Index("ix_render_jobs_custom_id", "custom_id", postgresql_where=text("custom_id IS NOT NULL")),
        Index("ix_render_jobs_state_created_at", "state", "created_at", "id"),
        # Listings: an owner's jobs, and everybody's, by age.
        Index("ix_render_jobs_tenant_id", "tenant_id", "created_at", "id"),
        Index("ix_render_jobs_campaign_id", "campaign_id", "state", "created_at", "id"),
        Index("ix_render_jobs_created_at", "created_at", "id"),
        # Its gallery, in the order of its file; `api/gallery/order.py` asks with the same expression.
        Index(
            "ix_render_jobs_place",
            "campaign_id",
            text("coalesce(clip_line, 0)"),
            "id",
            postgresql_include=["clip_line", "state"],  # what is counted up to a place is read here alone
            postgresql_where=text("superseded_at IS NULL"),
        ),
        # A campaign's newest ends, and those of one failure.
        Index(
            "ix_render_jobs_finished_at", "campaign_id", "finished_at", postgresql_where=text("finished_at IS NOT NULL")
        ),
        Index(
            "ix_render_jobs_failures",
            "campaign_id",
            "state",
            "failure_code",
            "finished_at",
            postgresql_where=text("finished_at IS NOT NULL AND superseded_at IS NULL AND state <> 'succeeded'"),
        ),
        # One tenant's key must neither collide with another's nor tell of it.
        Index(
            "uq_render_jobs_idempotency_key",
            "tenant_id",
            "idempotency_key",
            unique=True,
            postgresql_where=text("idempotency_key IS NOT NULL"),
        ),
        # An id names one clip of a campaign, however often its file is applied.
        Index(
            "uq_render_jobs_clip",
            "campaign_id",
            "custom_id",
            unique=True,
            postgresql_where=text("content_sha256 IS NOT NULL AND superseded_at IS NULL"),
        ),
        Index(
            "ix_render_jobs_content",
            "campaign_id",
            "content_sha256",
            postgresql_where=text("content_sha256 IS NOT NULL"),
        ),
        # Its owner's question for the jobs of one order, say; those without metadata are not in it.
        Index(
            "ix_render_jobs_metadata",
            "metadata",
            postgresql_using="gin",
            postgresql_ops={"metadata": "jsonb_path_ops"},
            postgresql_where=text("metadata IS NOT NULL"),
        ),
        Index("ix_render_jobs_after_job_id", "after_job_id"),
        {"comment": "One request for one video, its options, timing and outcome"},
    )

    id: Mapped[UUID] = mapped_column(primary_key=True, default=new_id, comment="Ours (job_id), UUIDv7")
    tenant_id: Mapped[UUID] = mapped_column(ForeignKey("tenants.id"), comment="Its owner, and its campaign's")
    campaign_id: Mapped[UUID] = mapped_column(ForeignKey("campaigns.id"), comment="The group it belongs to")
    idempotency_key: Mapped[str | None] = mapped_column(
        comment="The producer's; the same key twice is the same job of this tenant"
    )
    request_sha256: Mapped[str] = mapped_column(comment="Hex SHA-256 of the request as canonical JSON")
    custom_id: Mapped[str | None] = mapped_column(comment="The producer's own name for the clip; not unique")
    job_metadata: Mapped[dict[str, Any] | None] = mapped_column("metadata", comment="The producer's own JSON object")
    priority: Mapped[int] = mapped_column(comment="-100 to 100; higher is admitted first")
    state: Mapped[RenderState] = mapped_column(comment="Our state; see reelqueue.states")
    epoch: Mapped[int] = mapped_column(
        default=0, comment="Fence: raised by each claim; a late owner's write finds none"
    )
    lease_until: Mapped[datetime | None] = mapped_column(comment="Until when the result's fetcher is believed alive")

    # The request, an option a column.
    model: Mapped[str] = mapped_column(comment="The provider's model id")
    mode: Mapped[str] = mapped_column(comment="text-to-video, image-to-video, reference-to-video or video-edit")
    prompt: Mapped[str | None] = mapped_column(comment="What the video shows")
    negative_prompt: Mapped[str | None] = mapped_column(comment="What it must not show, at most 500 characters")
    audio_url: Mapped[str | None] = mapped_column(comment="Sound that drives the video")
    resolution: Mapped[str | None] = mapped_column(comment="1280x720 or 720P, as asked for")
    ratio: Mapped[str | None] = mapped_column(comment="16:9 and its like, as asked for")
    duration: Mapped[int | None] = mapped_column(comment="Seconds of video asked for")
    seed: Mapped[int | None] = mapped_column(BigInteger, comment="Seed asked for")
    prompt_extend: Mapped[bool | None] = mapped_column(comment="Whether the provider may rewrite the prompt")
    shot_type: Mapped[str | None] = mapped_column(comment="single or multi")
    watermark: Mapped[bool | None] = mapped_column(comment="Whether the provider draws its mark")
    audio: Mapped[bool | None] = mapped_column(comment="Whether the video has sound")
    extra_options: Mapped[dict[str, Any]] = mapped_column(
        default=dict, comment="Options without a column: raw, headers and those of few models"
    )
    warnings: Mapped[list[str]] = mapped_column(default=list, comment="What the catalog warned about at intake")

    # What a clip of a campaign file has beside it.
    content_sha256: Mapped[str | None] = mapped_column(
        comment="Hex SHA-256 of what a campaign's clip sends; null for jobs that are no clips"
    )
    output_path: Mapped[str | None] = mapped_column(comment="Relative path of the clip's file for its owner")
    clip_variant: Mapped[int | None] = mapped_column(comment="Number among the variants of its row, from 1")
    clip_variables: Mapped[dict[str, Any] | None] = mapped_column(comment="What its row gave to templates, flat")
    clip_line: Mapped[int | None] = mapped_column(comment="Line of the campaign file where its row began")
    superseded_at: Mapped[datetime | None] = mapped_column(
        comment="Since when another job stands for its custom_id: the row was changed, or rendered again"
    )
    after_job_id: Mapped[UUID | None] = mapped_column(
        ForeignKey("render_jobs.id"), comment="The clip that must have ended first"
    )
    is_continued: Mapped[bool] = mapped_column(
        default=False, server_default=text("false"), comment="Begins with the last frame of that clip"
    )
    is_awaiting: Mapped[bool] = mapped_column(
        default=False, server_default=text("false"), comment="Whether that clip has not ended yet"
    )

    # Timing asked for.
    poll_interval_ms: Mapped[int | None] = mapped_column(
        comment="Delay between polls; null: by how long its model renders"
    )
    poll_timeout_ms: Mapped[int] = mapped_column(comment="Longest wait after the submit was accepted")
    on_timeout: Mapped[str] = mapped_column(comment="collect, cancel or abandon")
    start_by: Mapped[datetime | None] = mapped_column(comment="Not submitted after this: expired instead")

    # Timing as it goes.
    not_before_at: Mapped[datetime | None] = mapped_column(comment="Not admitted earlier; back-off after a throttle")
    account_id: Mapped[UUID | None] = mapped_column(
        ForeignKey("accounts.id"), comment="The account that it was admitted to"
    )
    next_poll_at: Mapped[datetime | None] = mapped_column(comment="When the provider is asked next; null: never")
    poll_deadline_at: Mapped[datetime | None] = mapped_column(comment="When it times out")
    poll_count: Mapped[int] = mapped_column(default=0, comment="Answers read from the provider")
    unknown_count: Mapped[int] = mapped_column(default=0, comment="UNKNOWN answers in a row")
    fault_count: Mapped[int] = mapped_column(default=0, comment="Tasks that failed by the provider's own fault")
    death_count: Mapped[int] = mapped_column(
        default=0, server_default=text("0"), comment="Workers in a row that died with it in hand"
    )
    cancel_requested_at: Mapped[datetime | None] = mapped_column(comment="When a person stopped it")
    abandon_running: Mapped[bool] = mapped_column(
        default=False, comment="Cancelled while rendering: leave it (billed) instead of collecting it"
    )
    next_archive_at: Mapped[datetime | None] = mapped_column(comment="When the result is fetched next; null: never")
    archive_count: Mapped[int] = mapped_column(default=0, comment="Fetches of the result that were begun")

    # Outcome.
    provider_status: Mapped[str | None] = mapped_column(comment="The provider's last word, as received")
    failure_class: Mapped[FailureClass | None] = mapped_column(
        comment="Of the last refusal or the end: by what its owner can do about it"
    )
    failure_code: Mapped[str | None] = mapped_column(comment="One of our codes, or the provider's as received")
    failure_message: Mapped[str | None] = mapped_column(comment="What happened and what to do")
    collected_late: Mapped[bool] = mapped_column(default=False, comment="Succeeded after it had timed out")

    created_at: Mapped[datetime] = mapped_column(server_default=func.now(), comment="When it was enqueued")
    admitted_at: Mapped[datetime | None] = mapped_column(comment="When it last got a slot")
    submitted_at: Mapped[datetime | None] = mapped_column(comment="When the provider accepted it")
    finished_at: Mapped[datetime | None] = mapped_column(comment="When it last became terminal")

    references: Mapped[list[JobReference]] = relationship(order_by=JobReference.position, lazy="raise")
