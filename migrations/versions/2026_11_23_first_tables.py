"""first tables

Revision: 0001, after .
"""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "0001"
down_revision = None
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "accounts",
        sa.Column("id", sa.Uuid(), nullable=False, comment="Ours, UUIDv7"),
        sa.Column("name", sa.String(), nullable=False, comment="What operators call it"),
        sa.Column(
            "base_url", sa.String(), nullable=False, comment="Scheme and host that submits go to, without /api/v1"
        ),
        sa.Column(
            "region", sa.String(), nullable=False, comment="ap-southeast-1 and its like: decides on prices and models"
        ),
        sa.Column(
            "key_env", sa.String(), nullable=False, comment="Name of the environment variable that holds the key"
        ),
        sa.Column(
            "headers", postgresql.JSONB(astext_type=sa.Text()), nullable=False, comment="Extra headers of every submit"
        ),
        sa.Column(
            "models",
            postgresql.JSONB(astext_type=sa.Text()),
            nullable=True,
            comment="Model ids that it renders; null: every model",
        ),
        sa.Column(
            "slot_limits",
            postgresql.JSONB(astext_type=sa.Text()),
            nullable=False,
            comment="Slots by model id, where they differ from the published ones",
        ),
        sa.Column(
            "look_ahead",
            sa.Integer(),
            nullable=False,
            comment="Tasks kept queued at the provider beyond its slots, per model; 0 where it rejects them",
        ),
        sa.Column(
            "paused_at", sa.DateTime(timezone=True), nullable=True, comment="Since when nothing new is submitted"
        ),
        sa.Column(
            "paused_reason", sa.String(), nullable=True, comment="The provider's code and message that paused it"
        ),
        sa.Column(
            "orphan_task_ids",
            postgresql.JSONB(astext_type=sa.Text()),
            nullable=True,
            comment="Tasks of the provider's list that belong to no job here, as last seen; null: never looked",
        ),
        sa.Column(
            "orphans_seen_at",
            sa.DateTime(timezone=True),
            nullable=True,
            comment="When the provider's list was last compared",
        ),
        sa.Column(
            "created_at",
            sa.DateTime(timezone=True),
            server_default=sa.text("now()"),
            nullable=False,
            comment="When the row was made",
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_accounts")),
        sa.UniqueConstraint("name", name=op.f("uq_accounts_name")),
        comment="Provider credentials with region, limits and health; never the key itself",
    )
    op.create_table(
        "staged_clips",
        sa.Column("import_id", sa.Uuid(), nullable=False, comment="Its import"),
        sa.Column("batch", sa.Integer(), autoincrement=False, nullable=False, comment="From 1; sent again as a whole"),
        sa.Column("line", sa.Integer(), autoincrement=False, nullable=False, comment="Within the batch, from 1"),
        sa.Column(
            "job_id", sa.Uuid(), nullable=False, comment="Of the render job that it becomes, if nothing is there"
        ),
        sa.Column("custom_id", sa.String(), nullable=False, comment="The producer's name for the clip"),
        sa.Column("content_sha256", sa.String(), nullable=False, comment="Hex SHA-256 of what it sends"),
        sa.Column(
            "after_id", sa.String(), nullable=True, comment="The custom_id of the clip that must have ended first"
        ),
        sa.Column(
            "first_frame",
            sa.String(),
            nullable=True,
            comment="What stood for that clip's last frame when this one was checked; null unless it begins with it",
        ),
        sa.Column(
            "job", postgresql.JSONB(astext_type=sa.Text()), nullable=False, comment="Columns of the render job, as JSON"
        ),
        sa.Column(
            "job_references",
            postgresql.JSONB(astext_type=sa.Text()),
            nullable=True,
            comment="Columns of its references",
        ),
        sa.PrimaryKeyConstraint("import_id", "batch", "line", name=op.f("pk_staged_clips")),
        comment="Clips of imports that are not in force yet; gone with the commit",
        prefixes=["UNLOGGED"],
    )
    op.create_index("ix_staged_clips_custom_id", "staged_clips", ["import_id", "custom_id"], unique=False)
    op.create_table(
        "tenants",
        sa.Column("id", sa.Uuid(), nullable=False, comment="Ours, UUIDv7"),
        sa.Column("name", sa.String(), nullable=False, comment="What operators call it"),
        sa.Column(
            "last_admitted_at",
            sa.DateTime(timezone=True),
            nullable=True,
            comment="When a job of it last got a slot; of equals, who waits longest is next",
        ),
        sa.Column(
            "created_at",
            sa.DateTime(timezone=True),
            server_default=sa.text("now()"),
            nullable=False,
            comment="When the row was made",
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_tenants")),
        sa.UniqueConstraint("name", name=op.f("uq_tenants_name")),
        comment="Owners of jobs, campaigns and API keys",
    )
    op.create_table(
        "api_keys",
        sa.Column("id", sa.Uuid(), nullable=False, comment="Ours, UUIDv7"),
        sa.Column("name", sa.String(), nullable=False, comment="Who it was made for"),
        sa.Column("tenant_id", sa.Uuid(), nullable=False, comment="Whose jobs it enqueues and sees"),
        sa.Column(
            "sha256",
            sa.String(),
            nullable=False,
            comment="Hex SHA-256 of the key; the key is 256 random bits, so no salt is needed",
        ),
        sa.Column(
            "created_at",
            sa.DateTime(timezone=True),
            server_default=sa.text("now()"),
            nullable=False,
            comment="When it was made",
        ),
        sa.Column("revoked_at", sa.DateTime(timezone=True), nullable=True, comment="Since when it opens nothing"),
        sa.ForeignKeyConstraint(["tenant_id"], ["tenants.id"], name=op.f("fk_api_keys_tenant_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_api_keys")),
        sa.UniqueConstraint("name", name=op.f("uq_api_keys_name")),
        sa.UniqueConstraint("sha256", name=op.f("uq_api_keys_sha256")),
        comment="Bearer keys of the HTTP API, hashed",
    )
    op.create_index("ix_api_keys_tenant_id", "api_keys", ["tenant_id"], unique=False)
    op.create_table(
        "campaigns",
        sa.Column("id", sa.Uuid(), nullable=False, comment="Ours, UUIDv7"),
        sa.Column("tenant_id", sa.Uuid(), nullable=False, comment="Its owner"),
        sa.Column("name", sa.String(), nullable=False, comment="The owner's name for it"),
        sa.Column("priority", sa.Integer(), nullable=False, comment="Added to the priority of each of its jobs"),
        sa.Column(
            "max_in_flight", sa.Integer(), nullable=True, comment="Most jobs at the provider at a time; null: no limit"
        ),
        sa.Column(
            "on_ambiguous",
            sa.Enum("reconcile", "hold", "resubmit", name="onambiguous", native_enum=False, length=32),
            nullable=False,
            comment="reconcile, hold or resubmit",
        ),
        sa.Column(
            "budget_amount",
            sa.Numeric(),
            nullable=True,
            comment="Most that may be reserved and spent in all; null: no limit",
        ),
        sa.Column("budget_currency", sa.String(), nullable=True, comment="ISO 4217 code"),
        sa.Column(
            "on_budget",
            sa.Enum("finish", "cancel", name="onbudget", native_enum=False, length=32),
            nullable=False,
            comment="finish or cancel",
        ),
        sa.Column(
            "budget_exhausted_at",
            sa.DateTime(timezone=True),
            nullable=True,
            comment="When the rest could not pay for the next job and nothing was left that could free any",
        ),
        sa.Column(
            "spent_amount",
            sa.Numeric(),
            nullable=False,
            comment="Settled and written off in the budget's currency; what is reserved stands in its slots",
        ),
        sa.Column(
            "paused_at", sa.DateTime(timezone=True), nullable=True, comment="Since when none of its jobs is admitted"
        ),
        sa.Column("paused_reason", sa.String(), nullable=True, comment="Why, for people"),
        sa.Column(
            "last_admitted_at",
            sa.DateTime(timezone=True),
            nullable=True,
            comment="When a job of it last got a slot; of equals, who waits longest is next",
        ),
        sa.Column("run_at", sa.DateTime(timezone=True), nullable=True, comment="None of its jobs is admitted before"),
        sa.Column(
            "start_by", sa.DateTime(timezone=True), nullable=True, comment="For clips that say none of their own"
        ),
        sa.Column(
            "finish_by",
            sa.DateTime(timezone=True),
            nullable=True,
            comment="When its owner wants every clip; for people",
        ),
        sa.Column(
            "canary_count",
            sa.Integer(),
            nullable=True,
            comment="Clips that are rendered before a person approves the rest",
        ),
        sa.Column(
            "approved_at",
            sa.DateTime(timezone=True),
            nullable=True,
            comment="When a person approved the rest after the canary",
        ),
        sa.Column(
            "breaker",
            postgresql.JSONB(astext_type=sa.Text()),
            nullable=True,
            comment="When it pauses itself: failures, failed_percent, moderated_percent, after",
        ),
        sa.Column(
            "breaker_since_at",
            sa.DateTime(timezone=True),
            nullable=True,
            comment="Ends before this do not count for the breaker: a person has looked at them",
        ),
        sa.Column(
            "variant_count", sa.Integer(), server_default=sa.text("1"), nullable=False, comment="Clips of each row"
        ),
        sa.Column(
            "output_pattern",
            sa.String(),
            nullable=True,
            comment="Of its files' names; null: it holds no clips of a file",
        ),
        sa.Column(
            "file_name", sa.String(), nullable=True, comment="The file that it was last applied from, for people"
        ),
        sa.Column(
            "cancelled_at", sa.DateTime(timezone=True), nullable=True, comment="When its owner stopped it for good"
        ),
        sa.Column(
            "created_at",
            sa.DateTime(timezone=True),
            server_default=sa.text("now()"),
            nullable=False,
            comment="When the row was made",
        ),
        sa.CheckConstraint(
            "(budget_amount IS NULL) = (budget_currency IS NULL)", name=op.f("ck_campaigns_budget_has_currency")
        ),
        sa.ForeignKeyConstraint(["tenant_id"], ["tenants.id"], name=op.f("fk_campaigns_tenant_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_campaigns")),
        sa.UniqueConstraint("tenant_id", "name", name=op.f("uq_campaigns_tenant_id_name")),
        comment="Groups of render jobs with a priority, a budget and a fate of their own",
    )
    op.create_table(
        "clip_imports",
        sa.Column("id", sa.Uuid(), nullable=False, comment="Ours, UUIDv7"),
        sa.Column("tenant_id", sa.Uuid(), nullable=False, comment="Its owner"),
        sa.Column("campaign_name", sa.String(), nullable=False, comment="Of a campaign that may be made by the commit"),
        sa.Column(
            "options",
            postgresql.JSONB(astext_type=sa.Text()),
            nullable=True,
            comment="How the campaign is run from the commit on; null: as before",
        ),
        sa.Column("file_name", sa.String(), nullable=True, comment="The file that it is read from, for people"),
        sa.Column(
            "created_at",
            sa.DateTime(timezone=True),
            server_default=sa.text("now()"),
            nullable=False,
            comment="When it was begun",
        ),
        sa.Column(
            "committed_at", sa.DateTime(timezone=True), nullable=True, comment="Since when its clips are in force"
        ),
        sa.Column(
            "outcome",
            postgresql.JSONB(astext_type=sa.Text()),
            nullable=True,
            comment="What became of its clips, to be told again",
        ),
        sa.ForeignKeyConstraint(["tenant_id"], ["tenants.id"], name=op.f("fk_clip_imports_tenant_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_clip_imports")),
        comment="Imports of campaign files; what they stage is in force once they are committed",
    )
    op.create_index("ix_clip_imports_created_at", "clip_imports", ["created_at"], unique=False)
    op.create_index("ix_clip_imports_tenant_id", "clip_imports", ["tenant_id", "campaign_name"], unique=False)
    op.create_table(
        "poll_lanes",
        sa.Column("account_id", sa.Uuid(), nullable=False, comment="Whose chain"),
        sa.Column("seq", sa.BigInteger(), nullable=False, comment="Number of the one valid message"),
        sa.Column(
            "wake_at",
            sa.DateTime(timezone=True),
            nullable=True,
            comment="When that message is due; null: none is under way",
        ),
        sa.Column(
            "lease_until", sa.DateTime(timezone=True), nullable=True, comment="Until when a batch is believed to run"
        ),
        sa.ForeignKeyConstraint(["account_id"], ["accounts.id"], name=op.f("fk_poll_lanes_account_id")),
        sa.PrimaryKeyConstraint("account_id", name=op.f("pk_poll_lanes")),
        comment="The poll chain of each account: valid message, wake-up and lease",
    )
    op.create_table(
        "submit_lanes",
        sa.Column("account_id", sa.Uuid(), nullable=False, comment="Whose"),
        sa.Column("model", sa.String(), nullable=False, comment="The provider limits each model by itself"),
        sa.Column(
            "next_submit_at", sa.DateTime(timezone=True), nullable=True, comment="No submit earlier: the lane's pace"
        ),
        sa.Column(
            "pace_factor",
            sa.Double(),
            nullable=False,
            comment="Part of the published rate that is used now; halved by a refusal, regained by successes",
        ),
        sa.Column("throttled_until", sa.DateTime(timezone=True), nullable=True, comment="Nothing is sent until then"),
        sa.Column("throttle_count", sa.Integer(), nullable=False, comment="Refusals in a row for going too fast"),
        sa.Column(
            "posting_attempt_id", sa.Uuid(), nullable=True, comment="The one attempt whose POST may be under way"
        ),
        sa.Column(
            "posting_until", sa.DateTime(timezone=True), nullable=True, comment="After this the poster is believed dead"
        ),
        sa.ForeignKeyConstraint(["account_id"], ["accounts.id"], name=op.f("fk_submit_lanes_account_id")),
        sa.PrimaryKeyConstraint("account_id", "model", name=op.f("pk_submit_lanes")),
        comment="Pace and turn of the submits of each account and model",
    )
    op.create_table(
        "turns",
        sa.Column("account_id", sa.Uuid(), nullable=False, comment="Whose"),
        sa.Column(
            "kind",
            sa.Enum("query", "list", "cancel", name="turnkind", native_enum=False, length=32),
            nullable=False,
            comment="query, list or cancel",
        ),
        sa.Column("free_at", sa.DateTime(timezone=True), nullable=False, comment="When the next one may be sent"),
        sa.ForeignKeyConstraint(["account_id"], ["accounts.id"], name=op.f("fk_turns_account_id")),
        sa.PrimaryKeyConstraint("account_id", "kind", name=op.f("pk_turns")),
        comment="When the next query, list or cancel of an account may be sent",
    )
    op.create_table(
        "webhook_endpoints",
        sa.Column("id", sa.Uuid(), nullable=False, comment="Ours, UUIDv7"),
        sa.Column("tenant_id", sa.Uuid(), nullable=False, comment="Whose jobs it is told about"),
        sa.Column("url", sa.String(), nullable=False, comment="Where events are posted"),
        sa.Column(
            "secret_sha256",
            sa.String(),
            nullable=False,
            comment="Hex SHA-256 of the secret, which is derived from the server's key: tells whether that is still the key",
        ),
        sa.Column(
            "created_at",
            sa.DateTime(timezone=True),
            server_default=sa.text("now()"),
            nullable=False,
            comment="When it was made",
        ),
        sa.Column(
            "open_since",
            sa.DateTime(timezone=True),
            nullable=False,
            comment="It is told what happens from then on: since it was made, or enabled again",
        ),
        sa.Column(
            "disabled_at",
            sa.DateTime(timezone=True),
            nullable=True,
            comment="Since when nothing is posted; null: it is",
        ),
        sa.Column("disabled_reason", sa.String(), nullable=True, comment="Why, for people"),
        sa.Column(
            "deleted_at",
            sa.DateTime(timezone=True),
            nullable=True,
            comment="Since when its owner does not see it any more",
        ),
        sa.Column(
            "failure_count", sa.Integer(), nullable=False, comment="Failed tries in a row, of any of its deliveries"
        ),
        sa.Column(
            "held_until",
            sa.DateTime(timezone=True),
            nullable=True,
            comment="After failed tries nothing is posted until then",
        ),
        sa.Column(
            "lease_until",
            sa.DateTime(timezone=True),
            nullable=True,
            comment="While a worker posts; it is believed dead then",
        ),
        sa.ForeignKeyConstraint(["tenant_id"], ["tenants.id"], name=op.f("fk_webhook_endpoints_tenant_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_webhook_endpoints")),
        comment="Receivers of webhooks, each with its deliveries' lease and back-off; never the secret itself",
    )
    op.create_index("ix_webhook_endpoints_tenant_id", "webhook_endpoints", ["tenant_id"], unique=False)
    op.create_table(
        "clip_twins",
        sa.Column("campaign_id", sa.Uuid(), nullable=False, comment="Its campaign"),
        sa.Column("custom_id", sa.String(), nullable=False, comment="The producer's name for the row"),
        sa.Column("content_sha256", sa.String(), nullable=False, comment="Hex SHA-256 of what both send"),
        sa.Column("output_path", sa.String(), nullable=False, comment="Relative path of the row's file for its owner"),
        sa.Column("clip_variant", sa.Integer(), nullable=False, comment="Number among the variants of its row, from 1"),
        sa.Column(
            "clip_variables",
            postgresql.JSONB(astext_type=sa.Text()),
            nullable=True,
            comment="What its row gave to templates, flat",
        ),
        sa.Column("clip_line", sa.Integer(), nullable=True, comment="Line of the campaign file where its row began"),
        sa.ForeignKeyConstraint(["campaign_id"], ["campaigns.id"], name=op.f("fk_clip_twins_campaign_id")),
        sa.PrimaryKeyConstraint("campaign_id", "custom_id", name=op.f("pk_clip_twins")),
        comment="Rows of campaigns that share the clip of another row, because they send the same",
    )
    op.create_index("ix_clip_twins_content_sha256", "clip_twins", ["campaign_id", "content_sha256"], unique=False)
    op.create_table(
        "render_jobs",
        sa.Column("id", sa.Uuid(), nullable=False, comment="Ours (job_id), UUIDv7"),
        sa.Column("tenant_id", sa.Uuid(), nullable=False, comment="Its owner, and its campaign's"),
        sa.Column("campaign_id", sa.Uuid(), nullable=False, comment="The group it belongs to"),
        sa.Column(
            "idempotency_key",
            sa.String(),
            nullable=True,
            comment="The producer's; the same key twice is the same job of this tenant",
        ),
        sa.Column(
            "request_sha256", sa.String(), nullable=False, comment="Hex SHA-256 of the request as canonical JSON"
        ),
        sa.Column("custom_id", sa.String(), nullable=True, comment="The producer's own name for the clip; not unique"),
        sa.Column(
            "metadata", postgresql.JSONB(astext_type=sa.Text()), nullable=True, comment="The producer's own JSON object"
        ),
        sa.Column("priority", sa.Integer(), nullable=False, comment="-100 to 100; higher is admitted first"),
        sa.Column(
            "state",
            sa.Enum(
                "queued",
                "admitted",
                "submitting",
                "rendering",
                "archiving",
                "succeeded",
                "failed",
                "moderated",
                "timed_out",
                "cancelling",
                "cancelled",
                "expired",
                "lost",
                "needs_review",
                name="renderstate",
                native_enum=False,
                length=32,
            ),
            nullable=False,
            comment="Our state; see reelqueue.states",
        ),
        sa.Column(
            "epoch",
            sa.Integer(),
            nullable=False,
            comment="Fence: raised by each claim; a late owner's write finds none",
        ),
        sa.Column(
            "lease_until",
            sa.DateTime(timezone=True),
            nullable=True,
            comment="Until when the result's fetcher is believed alive",
        ),
        sa.Column("model", sa.String(), nullable=False, comment="The provider's model id"),
        sa.Column(
            "mode",
            sa.String(),
            nullable=False,
            comment="text-to-video, image-to-video, reference-to-video or video-edit",
        ),
        sa.Column("prompt", sa.String(), nullable=True, comment="What the video shows"),
        sa.Column(
            "negative_prompt", sa.String(), nullable=True, comment="What it must not show, at most 500 characters"
        ),
        sa.Column("audio_url", sa.String(), nullable=True, comment="Sound that drives the video"),
        sa.Column("resolution", sa.String(), nullable=True, comment="1280x720 or 720P, as asked for"),
        sa.Column("ratio", sa.String(), nullable=True, comment="16:9 and its like, as asked for"),
        sa.Column("duration", sa.Integer(), nullable=True, comment="Seconds of video asked for"),
        sa.Column("seed", sa.BigInteger(), nullable=True, comment="Seed asked for"),
        sa.Column("prompt_extend", sa.Boolean(), nullable=True, comment="Whether the provider may rewrite the prompt"),
        sa.Column("shot_type", sa.String(), nullable=True, comment="single or multi"),
        sa.Column("watermark", sa.Boolean(), nullable=True, comment="Whether the provider draws its mark"),
        sa.Column("audio", sa.Boolean(), nullable=True, comment="Whether the video has sound"),
        sa.Column(
            "extra_options",
            postgresql.JSONB(astext_type=sa.Text()),
            nullable=False,
            comment="Options without a column: raw, headers and those of few models",
        ),
        sa.Column(
            "warnings",
            postgresql.JSONB(astext_type=sa.Text()),
            nullable=False,
            comment="What the catalog warned about at intake",
        ),
        sa.Column(
            "content_sha256",
            sa.String(),
            nullable=True,
            comment="Hex SHA-256 of what a campaign's clip sends; null for jobs that are no clips",
        ),
        sa.Column("output_path", sa.String(), nullable=True, comment="Relative path of the clip's file for its owner"),
        sa.Column("clip_variant", sa.Integer(), nullable=True, comment="Number among the variants of its row, from 1"),
        sa.Column(
            "clip_variables",
            postgresql.JSONB(astext_type=sa.Text()),
            nullable=True,
            comment="What its row gave to templates, flat",
        ),
        sa.Column("clip_line", sa.Integer(), nullable=True, comment="Line of the campaign file where its row began"),
        sa.Column(
            "superseded_at",
            sa.DateTime(timezone=True),
            nullable=True,
            comment="Since when another job stands for its custom_id: the row was changed, or rendered again",
        ),
        sa.Column("after_job_id", sa.Uuid(), nullable=True, comment="The clip that must have ended first"),
        sa.Column(
            "is_continued",
            sa.Boolean(),
            server_default=sa.text("false"),
            nullable=False,
            comment="Begins with the last frame of that clip",
        ),
        sa.Column(
            "is_awaiting",
            sa.Boolean(),
            server_default=sa.text("false"),
            nullable=False,
            comment="Whether that clip has not ended yet",
        ),
        sa.Column(
            "poll_interval_ms",
            sa.Integer(),
            nullable=True,
            comment="Delay between polls; null: by how long its model renders",
        ),
        sa.Column(
            "poll_timeout_ms", sa.Integer(), nullable=False, comment="Longest wait after the submit was accepted"
        ),
        sa.Column("on_timeout", sa.String(), nullable=False, comment="collect, cancel or abandon"),
        sa.Column(
            "start_by", sa.DateTime(timezone=True), nullable=True, comment="Not submitted after this: expired instead"
        ),
        sa.Column(
            "not_before_at",
            sa.DateTime(timezone=True),
            nullable=True,
            comment="Not admitted earlier; back-off after a throttle",
        ),
        sa.Column("account_id", sa.Uuid(), nullable=True, comment="The account that it was admitted to"),
        sa.Column(
            "next_poll_at",
            sa.DateTime(timezone=True),
            nullable=True,
            comment="When the provider is asked next; null: never",
        ),
        sa.Column("poll_deadline_at", sa.DateTime(timezone=True), nullable=True, comment="When it times out"),
        sa.Column("poll_count", sa.Integer(), nullable=False, comment="Answers read from the provider"),
        sa.Column("unknown_count", sa.Integer(), nullable=False, comment="UNKNOWN answers in a row"),
        sa.Column("fault_count", sa.Integer(), nullable=False, comment="Tasks that failed by the provider's own fault"),
        sa.Column(
            "death_count",
            sa.Integer(),
            server_default=sa.text("0"),
            nullable=False,
            comment="Workers in a row that died with it in hand",
        ),
        sa.Column("cancel_requested_at", sa.DateTime(timezone=True), nullable=True, comment="When a person stopped it"),
        sa.Column(
            "abandon_running",
            sa.Boolean(),
            nullable=False,
            comment="Cancelled while rendering: leave it (billed) instead of collecting it",
        ),
        sa.Column(
            "next_archive_at",
            sa.DateTime(timezone=True),
            nullable=True,
            comment="When the result is fetched next; null: never",
        ),
        sa.Column("archive_count", sa.Integer(), nullable=False, comment="Fetches of the result that were begun"),
        sa.Column("provider_status", sa.String(), nullable=True, comment="The provider's last word, as received"),
        sa.Column(
            "failure_class",
            sa.Enum(
                "input",
                "moderation",
                "account",
                "throttle",
                "provider",
                "result",
                "poison",
                "unknown",
                name="failureclass",
                native_enum=False,
                length=32,
            ),
            nullable=True,
            comment="Of the last refusal or the end: by what its owner can do about it",
        ),
        sa.Column("failure_code", sa.String(), nullable=True, comment="The provider's code, as received"),
        sa.Column("failure_message", sa.String(), nullable=True, comment="What happened and what to do"),
        sa.Column("collected_late", sa.Boolean(), nullable=False, comment="Succeeded after it had timed out"),
        sa.Column(
            "created_at",
            sa.DateTime(timezone=True),
            server_default=sa.text("now()"),
            nullable=False,
            comment="When it was enqueued",
        ),
        sa.Column("admitted_at", sa.DateTime(timezone=True), nullable=True, comment="When it last got a slot"),
        sa.Column("submitted_at", sa.DateTime(timezone=True), nullable=True, comment="When the provider accepted it"),
        sa.Column("finished_at", sa.DateTime(timezone=True), nullable=True, comment="When it last became terminal"),
        sa.ForeignKeyConstraint(["account_id"], ["accounts.id"], name=op.f("fk_render_jobs_account_id")),
        sa.ForeignKeyConstraint(["after_job_id"], ["render_jobs.id"], name=op.f("fk_render_jobs_after_job_id")),
        sa.ForeignKeyConstraint(["campaign_id"], ["campaigns.id"], name=op.f("fk_render_jobs_campaign_id")),
        sa.ForeignKeyConstraint(["tenant_id"], ["tenants.id"], name=op.f("fk_render_jobs_tenant_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_render_jobs")),
        comment="One request for one video, its options, timing and outcome",
    )
    op.create_index("ix_render_jobs_account_id", "render_jobs", ["account_id"], unique=False)
    op.create_index("ix_render_jobs_after_job_id", "render_jobs", ["after_job_id"], unique=False)
    op.create_index(
        "ix_render_jobs_campaign_id", "render_jobs", ["campaign_id", "state", "created_at", "id"], unique=False
    )
    op.create_index(
        "ix_render_jobs_content",
        "render_jobs",
        ["campaign_id", "content_sha256"],
        unique=False,
        postgresql_where=sa.text("content_sha256 IS NOT NULL"),
    )
    op.create_index("ix_render_jobs_created_at", "render_jobs", ["created_at", "id"], unique=False)
    op.create_index(
        "ix_render_jobs_custom_id",
        "render_jobs",
        ["custom_id"],
        unique=False,
        postgresql_where=sa.text("custom_id IS NOT NULL"),
    )
    op.create_index(
        "ix_render_jobs_due_archive",
        "render_jobs",
        ["next_archive_at"],
        unique=False,
        postgresql_where=sa.text("next_archive_at IS NOT NULL"),
    )
    op.create_index(
        "ix_render_jobs_due_poll",
        "render_jobs",
        ["account_id", "next_poll_at"],
        unique=False,
        postgresql_where=sa.text("next_poll_at IS NOT NULL"),
    )
    op.create_index(
        "ix_render_jobs_queued",
        "render_jobs",
        ["model", "campaign_id", sa.literal_column("priority DESC"), "created_at", "id"],
        unique=False,
        postgresql_where=sa.text("state = 'queued' AND NOT is_awaiting"),
    )
    op.create_index(
        "ix_render_jobs_start_by",
        "render_jobs",
        ["start_by"],
        unique=False,
        postgresql_where=sa.text("start_by IS NOT NULL AND state IN ('queued', 'admitted')"),
    )
    op.create_index("ix_render_jobs_state_created_at", "render_jobs", ["state", "created_at", "id"], unique=False)
    op.create_index(
        "ix_render_jobs_suspects",
        "render_jobs",
        ["account_id", "next_poll_at"],
        unique=False,
        postgresql_where=sa.text("death_count > 0"),
    )
    op.create_index("ix_render_jobs_tenant_id", "render_jobs", ["tenant_id", "created_at", "id"], unique=False)
    op.create_index(
        "uq_render_jobs_clip",
        "render_jobs",
        ["campaign_id", "custom_id"],
        unique=True,
        postgresql_where=sa.text("content_sha256 IS NOT NULL AND superseded_at IS NULL"),
    )
    op.create_index(
        "uq_render_jobs_idempotency_key",
        "render_jobs",
        ["tenant_id", "idempotency_key"],
        unique=True,
        postgresql_where=sa.text("idempotency_key IS NOT NULL"),
    )
    op.create_table(
        "assets",
        sa.Column("id", sa.Uuid(), nullable=False, comment="Ours, UUIDv7"),
        sa.Column("job_id", sa.Uuid(), nullable=False, comment="The job it came from"),
        sa.Column(
            "kind",
            sa.Enum("video", "poster", "last_frame", "sidecar", name="assetkind", native_enum=False, length=32),
            nullable=False,
            comment="video, poster, last_frame or sidecar",
        ),
        sa.Column("path", sa.String(), nullable=False, comment="Relative to the archive's root, with forward slashes"),
        sa.Column("content_type", sa.String(), nullable=False, comment="MIME type"),
        sa.Column("size_bytes", sa.BigInteger(), nullable=False, comment="Of the file"),
        sa.Column("sha256", sa.String(), nullable=False, comment="Hex SHA-256 of the file"),
        sa.Column("width_px", sa.Integer(), nullable=True, comment="Measured"),
        sa.Column("height_px", sa.Integer(), nullable=True, comment="Measured"),
        sa.Column("duration_seconds", sa.Numeric(), nullable=True, comment="Measured, for a video"),
        sa.Column("has_audio", sa.Boolean(), nullable=True, comment="Measured, for a video"),
        sa.Column("video_codec", sa.String(), nullable=True, comment="Measured, for a video"),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False, comment="When it was stored"),
        sa.ForeignKeyConstraint(["job_id"], ["render_jobs.id"], name=op.f("fk_assets_job_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_assets")),
        sa.UniqueConstraint("job_id", "kind", name=op.f("uq_assets_job_id_kind")),
        comment="Stored files: kind, place, checksum and what the prober measured",
    )
    op.create_table(
        "attempts",
        sa.Column("id", sa.Uuid(), nullable=False, comment="Ours, UUIDv7"),
        sa.Column("job_id", sa.Uuid(), nullable=False, comment="The job it tries"),
        sa.Column("number", sa.Integer(), nullable=False, comment="From 1, in order"),
        sa.Column("account_id", sa.Uuid(), nullable=False, comment="Where it goes"),
        sa.Column(
            "base_url",
            sa.String(),
            nullable=False,
            comment="The account's host at that time; its tasks are listed there only",
        ),
        sa.Column(
            "state",
            sa.Enum(
                "intent",
                "sent",
                "bound",
                "rejected",
                "ambiguous",
                "reconciling",
                "adopted",
                "not_created",
                "unresolved",
                name="attemptstate",
                native_enum=False,
                length=32,
            ),
            nullable=False,
            comment="How far it came; see reelqueue.states",
        ),
        sa.Column("epoch", sa.Integer(), nullable=False, comment="The job's epoch when it was claimed"),
        sa.Column("spec_sha256", sa.String(), nullable=False, comment="Hex SHA-256 of the body that is sent"),
        sa.Column(
            "key_fingerprint",
            sa.String(),
            nullable=True,
            comment="Of the key it was sent with: another main account's list shows none of its tasks",
        ),
        sa.Column(
            "send_by",
            sa.DateTime(timezone=True),
            nullable=False,
            comment="By the database's clock; a worker frozen past it must not send",
        ),
        sa.Column(
            "created_at",
            sa.DateTime(timezone=True),
            server_default=sa.text("now()"),
            nullable=False,
            comment="When the intent was committed",
        ),
        sa.Column(
            "sent_at", sa.DateTime(timezone=True), nullable=True, comment="When it was committed as about to leave"
        ),
        sa.Column(
            "answer_by",
            sa.DateTime(timezone=True),
            nullable=True,
            comment="A sent attempt that is silent past it lost its worker",
        ),
        sa.Column(
            "reconcile_at",
            sa.DateTime(timezone=True),
            nullable=True,
            comment="When the provider's listing is asked next",
        ),
        sa.Column("listing_count", sa.Integer(), nullable=False, comment="Listings asked"),
        sa.Column(
            "first_absent_at",
            sa.DateTime(timezone=True),
            nullable=True,
            comment="When a listing first showed no trace of it",
        ),
        sa.Column("closed_at", sa.DateTime(timezone=True), nullable=True, comment="When its outcome was stored"),
        sa.Column("http_status", sa.Integer(), nullable=True, comment="Of the answer, where there was one"),
        sa.Column("request_id", sa.String(), nullable=True, comment="The provider's, where it gave one"),
        sa.Column(
            "error_class",
            sa.Enum(
                "input",
                "moderation",
                "account",
                "throttle",
                "provider",
                "result",
                "poison",
                "unknown",
                name="failureclass",
                native_enum=False,
                length=32,
            ),
            nullable=True,
            comment="By what to do about it",
        ),
        sa.Column("error_code", sa.String(), nullable=True, comment="The provider's, as received"),
        sa.Column("error_message", sa.String(), nullable=True, comment="The provider's or the transport's, shortened"),
        sa.ForeignKeyConstraint(["account_id"], ["accounts.id"], name=op.f("fk_attempts_account_id")),
        sa.ForeignKeyConstraint(["job_id"], ["render_jobs.id"], name=op.f("fk_attempts_job_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_attempts")),
        sa.UniqueConstraint("job_id", "number", name=op.f("uq_attempts_job_id_number")),
        comment="Paid POSTs that we may have sent, one row each",
    )
    op.create_index("ix_attempts_account_id", "attempts", ["account_id"], unique=False)
    op.create_index(
        "ix_attempts_due_reconcile",
        "attempts",
        ["reconcile_at"],
        unique=False,
        postgresql_where=sa.text("reconcile_at IS NOT NULL"),
    )
    op.create_index(
        "ix_attempts_in_flight",
        "attempts",
        ["state", "send_by"],
        unique=False,
        postgresql_where=sa.text("state IN ('intent', 'sent')"),
    )
    op.create_index(
        "uq_attempts_open",
        "attempts",
        ["job_id"],
        unique=True,
        postgresql_where=sa.text("state IN ('intent', 'sent', 'ambiguous', 'reconciling')"),
    )
    op.create_table(
        "clip_decisions",
        sa.Column("job_id", sa.Uuid(), nullable=False, comment="The clip's job"),
        sa.Column(
            "decision",
            sa.Enum("approve", "reject", name="decision", native_enum=False, length=32),
            nullable=False,
            comment="approve or reject",
        ),
        sa.Column(
            "key_name",
            sa.String(),
            nullable=True,
            comment="Name of the API key that it was made with; null: on the server's own machine, without one",
        ),
        sa.Column("decided_at", sa.DateTime(timezone=True), nullable=False, comment="When it was made"),
        sa.ForeignKeyConstraint(["job_id"], ["render_jobs.id"], name=op.f("fk_clip_decisions_job_id")),
        sa.PrimaryKeyConstraint("job_id", name=op.f("pk_clip_decisions")),
        comment="What people decided about rendered clips; the decision that stands",
    )
    op.create_table(
        "job_events",
        sa.Column("id", sa.BigInteger(), sa.Identity(always=False), nullable=False, comment="In order of writing"),
        sa.Column("job_id", sa.Uuid(), nullable=False, comment="Whom it happened to"),
        sa.Column("at", sa.DateTime(timezone=True), nullable=False, comment="By the database's clock"),
        sa.Column("kind", sa.String(), nullable=False, comment="state, or a word such as provider_status or alarm"),
        sa.Column(
            "from_state",
            sa.Enum(
                "queued",
                "admitted",
                "submitting",
                "rendering",
                "archiving",
                "succeeded",
                "failed",
                "moderated",
                "timed_out",
                "cancelling",
                "cancelled",
                "expired",
                "lost",
                "needs_review",
                name="renderstate",
                native_enum=False,
                length=32,
            ),
            nullable=True,
            comment="For a move; null for the first",
        ),
        sa.Column(
            "to_state",
            sa.Enum(
                "queued",
                "admitted",
                "submitting",
                "rendering",
                "archiving",
                "succeeded",
                "failed",
                "moderated",
                "timed_out",
                "cancelling",
                "cancelled",
                "expired",
                "lost",
                "needs_review",
                name="renderstate",
                native_enum=False,
                length=32,
            ),
            nullable=True,
            comment="For a move",
        ),
        sa.Column(
            "detail",
            postgresql.JSONB(astext_type=sa.Text()),
            nullable=False,
            comment="Small facts; no prompt, URL or key",
        ),
        sa.ForeignKeyConstraint(["job_id"], ["render_jobs.id"], name=op.f("fk_job_events_job_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_job_events")),
        comment="Append-only history of render jobs",
    )
    op.create_index("ix_job_events_job_id_id", "job_events", ["job_id", "id"], unique=False)
    op.create_table(
        "job_references",
        sa.Column("job_id", sa.Uuid(), nullable=False, comment="The job that uses it"),
        sa.Column("position", sa.SmallInteger(), nullable=False, comment="From 0, in the order given"),
        sa.Column(
            "role",
            sa.Enum(
                "image", "last_frame", "reference_urls", "media", name="referencerole", native_enum=False, length=32
            ),
            nullable=False,
            comment="The option that named it",
        ),
        sa.Column("media_type", sa.String(), nullable=True, comment="The item's type, for role media"),
        sa.Column("url", sa.String(), nullable=False, comment="http(s), oss or data URL"),
        sa.Column("voice_url", sa.String(), nullable=True, comment="The voice that speaks for it"),
        sa.ForeignKeyConstraint(
            ["job_id"], ["render_jobs.id"], name=op.f("fk_job_references_job_id"), ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("job_id", "position", name=op.f("pk_job_references")),
        comment="Reference URLs and frames of render jobs, in the order given",
    )
    op.create_table(
        "slots",
        sa.Column("job_id", sa.Uuid(), nullable=False, comment="The holder"),
        sa.Column("account_id", sa.Uuid(), nullable=False, comment="Whose slot"),
        sa.Column("model", sa.String(), nullable=False, comment="Slots are counted per model"),
        sa.Column("campaign_id", sa.Uuid(), nullable=False, comment="Whose share, and whose money"),
        sa.Column(
            "reserved_amount", sa.Numeric(), nullable=True, comment="The most it may cost; null: no price is known"
        ),
        sa.Column("price_per_second", sa.Numeric(), nullable=True, comment="At admission; null: no price is known"),
        sa.Column("currency", sa.String(), nullable=True, comment="ISO 4217 code; null: no price is known"),
        sa.Column(
            "submit_at",
            sa.DateTime(timezone=True),
            nullable=False,
            comment="When its submit is due: the pace of its account and model",
        ),
        sa.Column("leased_at", sa.DateTime(timezone=True), nullable=False, comment="When it was admitted"),
        sa.ForeignKeyConstraint(["account_id"], ["accounts.id"], name=op.f("fk_slots_account_id")),
        sa.ForeignKeyConstraint(["campaign_id"], ["campaigns.id"], name=op.f("fk_slots_campaign_id")),
        sa.ForeignKeyConstraint(["job_id"], ["render_jobs.id"], name=op.f("fk_slots_job_id")),
        sa.PrimaryKeyConstraint("job_id", name=op.f("pk_slots")),
        comment="Leases on the provider's concurrency and on money, one per job at the provider",
    )
    op.create_index("ix_slots_account_id_model", "slots", ["account_id", "model"], unique=False)
    op.create_index("ix_slots_campaign_id", "slots", ["campaign_id"], unique=False)
    op.create_table(
        "webhook_deliveries",
        sa.Column("id", sa.Uuid(), nullable=False, comment="The webhook-id, UUIDv7"),
        sa.Column("endpoint_id", sa.Uuid(), nullable=False, comment="The receiver"),
        sa.Column("job_id", sa.Uuid(), nullable=True, comment="Null in a test"),
        sa.Column(
            "kind", sa.String(), nullable=False, comment="render_job.STATE, render_job.result_expiring or webhook.test"
        ),
        sa.Column("occurred_at", sa.DateTime(timezone=True), nullable=False, comment="When it happened"),
        sa.Column(
            "state",
            sa.Enum("pending", "delivered", "dead", name="deliverystate", native_enum=False, length=32),
            nullable=False,
            comment="pending, delivered or dead",
        ),
        sa.Column(
            "asked_at",
            sa.DateTime(timezone=True),
            nullable=False,
            comment="Since when it is tried: the event, or a redelivery's request",
        ),
        sa.Column(
            "next_attempt_at", sa.DateTime(timezone=True), nullable=True, comment="When it is tried next; null: never"
        ),
        sa.Column("attempt_count", sa.Integer(), nullable=False, comment="Tries that have ended"),
        sa.Column(
            "finished_at", sa.DateTime(timezone=True), nullable=True, comment="When it was delivered or given up"
        ),
        sa.Column(
            "last_status", sa.Integer(), nullable=True, comment="HTTP status of the last answer; null: none came"
        ),
        sa.Column("last_error", sa.String(), nullable=True, comment="Why the last try failed"),
        sa.CheckConstraint(
            "(state = 'pending') = (next_attempt_at IS NOT NULL)", name=op.f("ck_webhook_deliveries_pending_is_due")
        ),
        sa.ForeignKeyConstraint(
            ["endpoint_id"], ["webhook_endpoints.id"], name=op.f("fk_webhook_deliveries_endpoint_id")
        ),
        sa.ForeignKeyConstraint(["job_id"], ["render_jobs.id"], name=op.f("fk_webhook_deliveries_job_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_webhook_deliveries")),
        sa.UniqueConstraint(
            "endpoint_id", "job_id", "kind", name=op.f("uq_webhook_deliveries_endpoint_id_job_id_kind")
        ),
        comment="Events on their way to webhook endpoints, each once per endpoint",
    )
    op.create_index(
        "ix_webhook_deliveries_due",
        "webhook_deliveries",
        ["endpoint_id", "next_attempt_at"],
        unique=False,
        postgresql_where=sa.text("next_attempt_at IS NOT NULL"),
    )
    op.create_index("ix_webhook_deliveries_endpoint_id", "webhook_deliveries", ["endpoint_id", "id"], unique=False)
    op.create_index("ix_webhook_deliveries_job_id", "webhook_deliveries", ["job_id"], unique=False)
    op.create_table(
        "provider_tasks",
        sa.Column("id", sa.Uuid(), nullable=False, comment="Ours, UUIDv7"),
        sa.Column("job_id", sa.Uuid(), nullable=False, comment="The job it renders"),
        sa.Column("attempt_id", sa.Uuid(), nullable=False, comment="The POST that made it"),
        sa.Column("account_id", sa.Uuid(), nullable=False, comment="Where it lives"),
        sa.Column("base_url", sa.String(), nullable=False, comment="The host that the submit went to"),
        sa.Column("provider_task_id", sa.String(), nullable=False, comment="The provider's id"),
        sa.Column("request_id", sa.String(), nullable=True, comment="The provider's, of the submit"),
        sa.Column("status", sa.String(), nullable=False, comment="The provider's last word, as received"),
        sa.Column("submitted_at", sa.DateTime(timezone=True), nullable=False, comment="When we read the acceptance"),
        sa.Column("price_per_second", sa.Numeric(), nullable=True, comment="At admission; null: no price is known"),
        sa.Column("currency", sa.String(), nullable=True, comment="ISO 4217 code; null: no price is known"),
        sa.Column(
            "started_at", sa.DateTime(timezone=True), nullable=True, comment="When it got a slot at the provider"
        ),
        sa.Column("ended_at", sa.DateTime(timezone=True), nullable=True, comment="When it ended at the provider"),
        sa.Column("result_url", sa.String(), nullable=True, comment="Signed, valid for 24 hours"),
        sa.Column(
            "result_expires_at", sa.DateTime(timezone=True), nullable=True, comment="After this the result is gone"
        ),
        sa.Column("actual_prompt", sa.String(), nullable=True, comment="The prompt as the provider rewrote it"),
        sa.Column("usage", postgresql.JSONB(astext_type=sa.Text()), nullable=True, comment="As received"),
        sa.Column("billed_seconds", sa.Numeric(), nullable=True, comment="What the provider counts, from usage"),
        sa.ForeignKeyConstraint(["account_id"], ["accounts.id"], name=op.f("fk_provider_tasks_account_id")),
        sa.ForeignKeyConstraint(["attempt_id"], ["attempts.id"], name=op.f("fk_provider_tasks_attempt_id")),
        sa.ForeignKeyConstraint(["job_id"], ["render_jobs.id"], name=op.f("fk_provider_tasks_job_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_provider_tasks")),
        sa.UniqueConstraint(
            "account_id", "provider_task_id", name=op.f("uq_provider_tasks_account_id_provider_task_id")
        ),
        comment="Every provider task id ever seen, with the host and account that it lives at",
    )
    op.create_index("ix_provider_tasks_attempt_id", "provider_tasks", ["attempt_id"], unique=False)
    op.create_index("ix_provider_tasks_job_id", "provider_tasks", ["job_id"], unique=False)
    op.create_table(
        "ledger_entries",
        sa.Column("id", sa.BigInteger(), sa.Identity(always=True), nullable=False, comment="In order of entry"),
        sa.Column("at", sa.DateTime(timezone=True), nullable=False, comment="When it was entered"),
        sa.Column(
            "kind",
            sa.Enum("reserve", "release", "settle", "write_off", name="entrykind", native_enum=False, length=32),
            nullable=False,
            comment="reserve, release, settle or write_off",
        ),
        sa.Column("campaign_id", sa.Uuid(), nullable=False, comment="Whose money"),
        sa.Column("job_id", sa.Uuid(), nullable=False, comment="For which job"),
        sa.Column("account_id", sa.Uuid(), nullable=False, comment="At which provider account"),
        sa.Column(
            "provider_task_id", sa.Uuid(), nullable=True, comment="Our row of the task that was billed, or given up"
        ),
        sa.Column("seconds", sa.Numeric(), nullable=True, comment="Billed seconds of a settled task"),
        sa.Column("amount", sa.Numeric(), nullable=True, comment="Null: no price is known for it"),
        sa.Column("currency", sa.String(), nullable=True, comment="ISO 4217 code; null: no price is known for it"),
        sa.ForeignKeyConstraint(["account_id"], ["accounts.id"], name=op.f("fk_ledger_entries_account_id")),
        sa.ForeignKeyConstraint(["campaign_id"], ["campaigns.id"], name=op.f("fk_ledger_entries_campaign_id")),
        sa.ForeignKeyConstraint(["job_id"], ["render_jobs.id"], name=op.f("fk_ledger_entries_job_id")),
        sa.ForeignKeyConstraint(
            ["provider_task_id"], ["provider_tasks.id"], name=op.f("fk_ledger_entries_provider_task_id")
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_ledger_entries")),
        comment="Append-only money: reservations, releases and payments",
    )
    op.create_index("ix_ledger_entries_account_id", "ledger_entries", ["account_id"], unique=False)
    op.create_index("ix_ledger_entries_at", "ledger_entries", ["at"], unique=False)
    op.create_index("ix_ledger_entries_campaign_id", "ledger_entries", ["campaign_id", "kind"], unique=False)
    op.create_index("ix_ledger_entries_job_id", "ledger_entries", ["job_id"], unique=False)
    op.create_index("ix_ledger_entries_provider_task_id", "ledger_entries", ["provider_task_id"], unique=False)
    op.create_index(
        "uq_ledger_entries_settled",
        "ledger_entries",
        ["provider_task_id"],
        unique=True,
        postgresql_where=sa.text("kind = 'settle'"),
    )

    # Money is history: an entry is never changed and never taken away.
    op.execute(
        """CREATE FUNCTION refuse_change() RETURNS trigger LANGUAGE plpgsql AS $$
           BEGIN
               RAISE EXCEPTION '% is append-only: enter a correction instead', TG_TABLE_NAME;
           END $$"""
    )
    op.execute(
        """CREATE TRIGGER ledger_entries_append_only BEFORE UPDATE OR DELETE ON ledger_entries
           FOR EACH ROW EXECUTE FUNCTION refuse_change()"""
    )


def downgrade() -> None:
    op.drop_index("uq_ledger_entries_settled", table_name="ledger_entries", postgresql_where=sa.text("kind = 'settle'"))
    op.drop_index("ix_ledger_entries_provider_task_id", table_name="ledger_entries")
    op.drop_index("ix_ledger_entries_job_id", table_name="ledger_entries")
    op.drop_index("ix_ledger_entries_campaign_id", table_name="ledger_entries")
    op.drop_index("ix_ledger_entries_at", table_name="ledger_entries")
    op.drop_index("ix_ledger_entries_account_id", table_name="ledger_entries")
    op.drop_table("ledger_entries")
    op.drop_index("ix_provider_tasks_job_id", table_name="provider_tasks")
    op.drop_index("ix_provider_tasks_attempt_id", table_name="provider_tasks")
    op.drop_table("provider_tasks")
    op.drop_index("ix_webhook_deliveries_job_id", table_name="webhook_deliveries")
    op.drop_index("ix_webhook_deliveries_endpoint_id", table_name="webhook_deliveries")
    op.drop_index(
        "ix_webhook_deliveries_due",
        table_name="webhook_deliveries",
        postgresql_where=sa.text("next_attempt_at IS NOT NULL"),
    )
    op.drop_table("webhook_deliveries")
    op.drop_index("ix_slots_campaign_id", table_name="slots")
    op.drop_index("ix_slots_account_id_model", table_name="slots")
    op.drop_table("slots")
    op.drop_table("job_references")
    op.drop_index("ix_job_events_job_id_id", table_name="job_events")
    op.drop_table("job_events")
    op.drop_table("clip_decisions")
    op.drop_index(
        "uq_attempts_open",
        table_name="attempts",
        postgresql_where=sa.text("state IN ('intent', 'sent', 'ambiguous', 'reconciling')"),
    )
    op.drop_index(
        "ix_attempts_in_flight", table_name="attempts", postgresql_where=sa.text("state IN ('intent', 'sent')")
    )
    op.drop_index(
        "ix_attempts_due_reconcile", table_name="attempts", postgresql_where=sa.text("reconcile_at IS NOT NULL")
    )
    op.drop_index("ix_attempts_account_id", table_name="attempts")
    op.drop_table("attempts")
    op.drop_table("assets")
    op.drop_index(
        "uq_render_jobs_idempotency_key",
        table_name="render_jobs",
        postgresql_where=sa.text("idempotency_key IS NOT NULL"),
    )
    op.drop_index(
        "uq_render_jobs_clip",
        table_name="render_jobs",
        postgresql_where=sa.text("content_sha256 IS NOT NULL AND superseded_at IS NULL"),
    )
    op.drop_index("ix_render_jobs_tenant_id", table_name="render_jobs")
    op.drop_index("ix_render_jobs_suspects", table_name="render_jobs", postgresql_where=sa.text("death_count > 0"))
    op.drop_index("ix_render_jobs_state_created_at", table_name="render_jobs")
    op.drop_index(
        "ix_render_jobs_start_by",
        table_name="render_jobs",
        postgresql_where=sa.text("start_by IS NOT NULL AND state IN ('queued', 'admitted')"),
    )
    op.drop_index(
        "ix_render_jobs_queued",
        table_name="render_jobs",
        postgresql_where=sa.text("state = 'queued' AND NOT is_awaiting"),
    )
    op.drop_index(
        "ix_render_jobs_due_poll", table_name="render_jobs", postgresql_where=sa.text("next_poll_at IS NOT NULL")
    )
    op.drop_index(
        "ix_render_jobs_due_archive", table_name="render_jobs", postgresql_where=sa.text("next_archive_at IS NOT NULL")
    )
    op.drop_index(
        "ix_render_jobs_custom_id", table_name="render_jobs", postgresql_where=sa.text("custom_id IS NOT NULL")
    )
    op.drop_index("ix_render_jobs_created_at", table_name="render_jobs")
    op.drop_index(
        "ix_render_jobs_content", table_name="render_jobs", postgresql_where=sa.text("content_sha256 IS NOT NULL")
    )
    op.drop_index("ix_render_jobs_campaign_id", table_name="render_jobs")
    op.drop_index("ix_render_jobs_after_job_id", table_name="render_jobs")
    op.drop_index("ix_render_jobs_account_id", table_name="render_jobs")
    op.drop_table("render_jobs")
    op.drop_index("ix_clip_twins_content_sha256", table_name="clip_twins")
    op.drop_table("clip_twins")
    op.drop_index("ix_webhook_endpoints_tenant_id", table_name="webhook_endpoints")
    op.drop_table("webhook_endpoints")
    op.drop_table("turns")
    op.drop_table("submit_lanes")
    op.drop_table("poll_lanes")
    op.drop_index("ix_clip_imports_tenant_id", table_name="clip_imports")
    op.drop_index("ix_clip_imports_created_at", table_name="clip_imports")
    op.drop_table("clip_imports")
    op.drop_table("campaigns")
    op.drop_index("ix_api_keys_tenant_id", table_name="api_keys")
    op.drop_table("api_keys")
    op.drop_table("tenants")
    op.drop_index("ix_staged_clips_custom_id", table_name="staged_clips")
    op.drop_table("staged_clips")
    op.drop_table("accounts")
    op.execute("DROP FUNCTION refuse_change() CASCADE")
