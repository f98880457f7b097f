"""text jobs

Revision: text_jobs, after found_tasks.
"""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "text_jobs"
down_revision = "found_tasks"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "text_lanes",
        sa.Column("account_id", sa.Uuid(), nullable=False, comment="Whose"),
        sa.Column("model", sa.String(), nullable=False, comment="The provider limits each model by itself"),
        sa.Column(
            "free_at",
            sa.DateTime(timezone=True),
            nullable=True,
            comment="No call earlier: requests and tokens so far, at the published pace",
        ),
        sa.Column(
            "pace_factor",
            sa.Double(),
            nullable=False,
            comment="Part of the published rate that is used now; halved by a refusal, regained by successes",
        ),
        sa.Column("held_until", sa.DateTime(timezone=True), nullable=True, comment="Nothing is sent until then"),
        sa.Column("held_reason", sa.String(), nullable=True, comment="The refusal that holds it, for operators"),
        sa.Column(
            "refusal_count", sa.Integer(), nullable=False, comment="Calls in a row that were refused or not sent"
        ),
        sa.Column(
            "wake_at",
            sa.DateTime(timezone=True),
            nullable=True,
            comment="When the hint comes that goes on; null: none is under way",
        ),
        sa.ForeignKeyConstraint(["account_id"], ["accounts.id"], name=op.f("fk_text_lanes_account_id")),
        sa.PrimaryKeyConstraint("account_id", "model", name=op.f("pk_text_lanes")),
        comment="Pace of the calls of each account to each language model",
    )
    op.create_table(
        "text_jobs",
        sa.Column("id", sa.Uuid(), nullable=False, comment="Ours (text_job_id), UUIDv7"),
        sa.Column("tenant_id", sa.Uuid(), nullable=False, comment="Its owner, and its campaign's"),
        sa.Column("campaign_id", sa.Uuid(), nullable=False, comment="Whose budget pays for it"),
        sa.Column(
            "idempotency_key",
            sa.String(),
            nullable=True,
            comment="The producer's; the same key twice is the same job of this tenant",
        ),
        sa.Column(
            "request_sha256",
            sa.String(),
            nullable=False,
            comment="Hex SHA-256 of request and options as canonical JSON",
        ),
        sa.Column("custom_id", sa.String(), nullable=True, comment="The producer's own name for it; not unique"),
        sa.Column(
            "metadata",
            postgresql.JSONB(none_as_null=True, astext_type=sa.Text()),
            nullable=True,
            comment="The producer's own JSON object",
        ),
        sa.Column("priority", sa.Integer(), nullable=False, comment="-100 to 100; higher is asked first"),
        sa.Column(
            "state",
            sa.Enum(
                "queued",
                "running",
                "held",
                "succeeded",
                "failed",
                "cancelled",
                "expired",
                name="textstate",
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
        sa.Column("model", sa.String(), nullable=False, comment="The model id"),
        sa.Column(
            "request",
            sa.JSON(),
            nullable=False,
            comment="The text request as parse_text_request reads it, in its order",
        ),
        sa.Column(
            "is_streamed",
            sa.Boolean(),
            nullable=False,
            comment="Whether its answer is shown piece by piece while it comes",
        ),
        sa.Column(
            "on_lost_answer",
            sa.Enum("retry_once", "hold", name="onlostanswer", native_enum=False, length=32),
            nullable=False,
            comment="retry_once or hold",
        ),
        sa.Column(
            "max_cost_amount",
            sa.Numeric(),
            nullable=True,
            comment="Most that all its attempts together may cost; null: no limit of its own",
        ),
        sa.Column("max_cost_currency", sa.String(), nullable=True, comment="ISO 4217 code"),
        sa.Column(
            "start_by", sa.DateTime(timezone=True), nullable=True, comment="Not sent after this: expired instead"
        ),
        sa.Column(
            "warnings",
            postgresql.JSONB(astext_type=sa.Text()),
            nullable=False,
            comment="What the builder warned about at intake",
        ),
        sa.Column(
            "estimate_amount",
            sa.Numeric(),
            nullable=True,
            comment="The most that one attempt may cost by the list prices at intake; null: no price is known",
        ),
        sa.Column("estimate_currency", sa.String(), nullable=True, comment="ISO 4217 code"),
        sa.Column(
            "not_before_at",
            sa.DateTime(timezone=True),
            nullable=True,
            comment="Not sent earlier; back-off, or an empty budget",
        ),
        sa.Column("account_id", sa.Uuid(), nullable=True, comment="Where it was last sent"),
        sa.Column(
            "cancel_requested_at", sa.DateTime(timezone=True), nullable=True, comment="When a person asked to stop it"
        ),
        sa.Column(
            "created_at",
            sa.DateTime(timezone=True),
            server_default=sa.text("now()"),
            nullable=False,
            comment="When it was stored",
        ),
        sa.Column("started_at", sa.DateTime(timezone=True), nullable=True, comment="When its last attempt was claimed"),
        sa.Column("finished_at", sa.DateTime(timezone=True), nullable=True, comment="When it reached a terminal state"),
        sa.Column("text", sa.String(), nullable=True, comment="What the model wrote; null: there is no whole answer"),
        sa.Column("reasoning", sa.String(), nullable=True, comment="What it thought before"),
        sa.Column(
            "tool_calls",
            sa.JSON(none_as_null=True),
            nullable=True,
            comment="Calls that it wants: id, name, arguments as JSON text",
        ),
        sa.Column("finish_reason", sa.String(), nullable=True, comment="stop, length or tool_calls"),
        sa.Column("answered_model", sa.String(), nullable=True, comment="The model as the service names it"),
        sa.Column("request_id", sa.String(), nullable=True, comment="The provider's id of the answered call"),
        sa.Column(
            "usage",
            postgresql.JSONB(none_as_null=True, astext_type=sa.Text()),
            nullable=True,
            comment="Tokens of the answered call; null: not said",
        ),
        sa.Column(
            "cost_amount",
            sa.Numeric(),
            nullable=True,
            comment="Sum of its ledger entries; null: nothing was billed, or no price is known",
        ),
        sa.Column("cost_currency", sa.String(), nullable=True, comment="ISO 4217 code"),
        sa.Column(
            "cost_is_estimate",
            sa.Boolean(),
            nullable=False,
            comment="Whether a part of it is the most that an attempt may have cost",
        ),
        sa.Column("priced_on", sa.Date(), nullable=True, comment="Day of the price list"),
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
            comment="Why it failed or waits, by what to do about it",
        ),
        sa.Column("failure_code", sa.String(), nullable=True, comment="The provider's as received, or one of ours"),
        sa.Column("failure_message", sa.String(), nullable=True, comment="For people"),
        sa.CheckConstraint(
            "(estimate_amount IS NULL) = (estimate_currency IS NULL)", name=op.f("ck_text_jobs_estimate_has_currency")
        ),
        sa.CheckConstraint(
            "(max_cost_amount IS NULL) = (max_cost_currency IS NULL)", name=op.f("ck_text_jobs_max_cost_has_currency")
        ),
        sa.ForeignKeyConstraint(["account_id"], ["accounts.id"], name=op.f("fk_text_jobs_account_id")),
        sa.ForeignKeyConstraint(["campaign_id"], ["campaigns.id"], name=op.f("fk_text_jobs_campaign_id")),
        sa.ForeignKeyConstraint(["tenant_id"], ["tenants.id"], name=op.f("fk_text_jobs_tenant_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_text_jobs")),
        comment="One question to a language model, and its answer",
    )
    op.create_index("ix_text_jobs_account_id", "text_jobs", ["account_id"], unique=False)
    op.create_index("ix_text_jobs_campaign_id", "text_jobs", ["campaign_id", "state", "created_at", "id"], unique=False)
    op.create_index("ix_text_jobs_created_at", "text_jobs", ["created_at", "id"], unique=False)
    op.create_index(
        "ix_text_jobs_custom_id",
        "text_jobs",
        ["custom_id"],
        unique=False,
        postgresql_where=sa.text("custom_id IS NOT NULL"),
    )
    op.create_index(
        "ix_text_jobs_queued",
        "text_jobs",
        ["model", sa.literal_column("priority DESC"), "created_at", "id"],
        unique=False,
        postgresql_where=sa.text("state = 'queued'"),
    )
    op.create_index(
        "ix_text_jobs_running", "text_jobs", ["tenant_id"], unique=False, postgresql_where=sa.text("state = 'running'")
    )
    op.create_index(
        "ix_text_jobs_start_by",
        "text_jobs",
        ["start_by"],
        unique=False,
        postgresql_where=sa.text("start_by IS NOT NULL AND state = 'queued'"),
    )
    op.create_index("ix_text_jobs_state_created_at", "text_jobs", ["state", "created_at", "id"], unique=False)
    op.create_index("ix_text_jobs_tenant_id", "text_jobs", ["tenant_id", "created_at", "id"], unique=False)
    op.create_index(
        "uq_text_jobs_idempotency_key",
        "text_jobs",
        ["tenant_id", "idempotency_key"],
        unique=True,
        postgresql_where=sa.text("idempotency_key IS NOT NULL"),
    )
    op.create_table(
        "text_attempts",
        sa.Column("id", sa.Uuid(), nullable=False, comment="Ours, UUIDv7"),
        sa.Column("job_id", sa.Uuid(), nullable=False, comment="The text job that it tries"),
        sa.Column("number", sa.Integer(), nullable=False, comment="From 1, in order"),
        sa.Column("account_id", sa.Uuid(), nullable=False, comment="Where it goes"),
        sa.Column("base_url", sa.String(), nullable=False, comment="The base URL that it was sent to"),
        sa.Column(
            "state",
            sa.Enum(
                "intent",
                "sent",
                "answered",
                "refused",
                "not_sent",
                "ambiguous",
                name="textattemptstate",
                native_enum=False,
                length=32,
            ),
            nullable=False,
            comment="How far it came; see reelqueue.states",
        ),
        sa.Column("epoch", sa.Integer(), nullable=False, comment="The job's epoch when it was claimed"),
        sa.Column("spec_sha256", sa.String(), nullable=False, comment="Hex SHA-256 of the body that is sent"),
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
            comment="A sent attempt that is silent past it lost its worker; moved on while the answer comes",
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
        sa.Column("error_code", sa.String(), nullable=True, comment="The provider's as received, or one of ours"),
        sa.Column("error_message", sa.String(), nullable=True, comment="The provider's or the transport's, shortened"),
        sa.Column("partial_text", sa.String(), nullable=True, comment="What had come of an answer that is not whole"),
        sa.Column("partial_reasoning", sa.String(), nullable=True, comment="What had come of its thoughts"),
        sa.Column(
            "usage",
            postgresql.JSONB(none_as_null=True, astext_type=sa.Text()),
            nullable=True,
            comment="Its tokens; null: not said",
        ),
        sa.Column(
            "reserved_amount",
            sa.Numeric(),
            nullable=True,
            comment="The most that it may cost, held while it is open; null: no price is known",
        ),
        sa.Column(
            "cost_amount",
            sa.Numeric(),
            nullable=True,
            comment="What it cost, as its ledger entry says; null: not billed, or no price is known",
        ),
        sa.Column("currency", sa.String(), nullable=True, comment="ISO 4217 code; null: no price is known"),
        sa.Column(
            "is_estimate",
            sa.Boolean(),
            nullable=True,
            comment="Whether that is the most that it may have cost; null: it is open, or was not billed",
        ),
        sa.Column("priced_on", sa.Date(), nullable=True, comment="Day of the price list; null: no price is known"),
        sa.ForeignKeyConstraint(["account_id"], ["accounts.id"], name=op.f("fk_text_attempts_account_id")),
        sa.ForeignKeyConstraint(["job_id"], ["text_jobs.id"], name=op.f("fk_text_attempts_job_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_text_attempts")),
        sa.UniqueConstraint("job_id", "number", name=op.f("uq_text_attempts_job_id_number")),
        comment="Paid POSTs to language models that we may have sent, one row each",
    )
    op.create_index("ix_text_attempts_account_id", "text_attempts", ["account_id"], unique=False)
    op.create_index(
        "ix_text_attempts_in_flight",
        "text_attempts",
        ["state", "send_by"],
        unique=False,
        postgresql_where=sa.text("state IN ('intent', 'sent')"),
    )
    op.create_index(
        "ix_text_attempts_request_id",
        "text_attempts",
        ["request_id"],
        unique=False,
        postgresql_where=sa.text("request_id IS NOT NULL"),
    )
    op.create_index(
        "uq_text_attempts_open",
        "text_attempts",
        ["job_id"],
        unique=True,
        postgresql_where=sa.text("state IN ('intent', 'sent')"),
    )
    op.add_column(
        "accounts",
        sa.Column(
            "text_base_url",
            sa.String(),
            nullable=True,
            comment="Where language models are asked, with its path; null: at the same host",
        ),
    )
    op.add_column(
        "ledger_entries",
        sa.Column(
            "text_attempt_id",
            sa.Uuid(),
            nullable=True,
            comment="For which call to a language model; null: for a render job",
        ),
    )
    op.alter_column(
        "ledger_entries",
        "job_id",
        existing_type=sa.Uuid(),
        nullable=True,
        comment="For which render job; null: for a text job",
        existing_comment="For which job",
    )
    op.add_column(
        "webhook_deliveries",
        sa.Column(
            "text_job_id", sa.Uuid(), nullable=True, comment="The text job that it is about; null: it is about none"
        ),
    )
    op.alter_column(
        "webhook_deliveries",
        "job_id",
        existing_type=sa.Uuid(),
        comment="Null in a test, and in an event of a text job",
        existing_comment="Null in a test",
        existing_nullable=True,
    )
    op.alter_column(
        "webhook_deliveries",
        "kind",
        existing_type=sa.String(),
        comment="render_job.STATE, render_job.result_expiring, text_job.STATE or webhook.test",
        existing_comment="render_job.STATE, render_job.result_expiring or webhook.test",
        existing_nullable=False,
    )
    # What is older keeps each rule, since it has the new columns empty: looked through without a lock, further down.
    op.create_foreign_key(
        op.f("fk_ledger_entries_text_attempt_id"),
        "ledger_entries",
        "text_attempts",
        ["text_attempt_id"],
        ["id"],
        postgresql_not_valid=True,
    )
    op.create_foreign_key(
        op.f("fk_webhook_deliveries_text_job_id"),
        "webhook_deliveries",
        "text_jobs",
        ["text_job_id"],
        ["id"],
        postgresql_not_valid=True,
    )
    op.execute(
        "ALTER TABLE ledger_entries ADD CONSTRAINT ck_ledger_entries_is_about_one_thing CHECK ((job_id IS NULL) <> (text_attempt_id IS NULL)) NOT VALID"
    )
    # Beside whoever writes: millions of rows may be there.
    with op.get_context().autocommit_block():
        op.execute("SET statement_timeout = 0")  # it stops nobody, however long it takes
        op.execute("SET lock_timeout = 0")  # it waits for the transactions that were open when it began
        op.execute("ALTER TABLE ledger_entries VALIDATE CONSTRAINT fk_ledger_entries_text_attempt_id")
        op.execute("ALTER TABLE ledger_entries VALIDATE CONSTRAINT ck_ledger_entries_is_about_one_thing")
        op.execute("ALTER TABLE webhook_deliveries VALIDATE CONSTRAINT fk_webhook_deliveries_text_job_id")
        op.create_index(
            "ix_ledger_entries_text_attempt_id",
            "ledger_entries",
            ["text_attempt_id"],
            unique=False,
            postgresql_concurrently=True,
        )
        op.create_index(
            "uq_ledger_entries_text_settled",
            "ledger_entries",
            ["text_attempt_id"],
            unique=True,
            postgresql_where=sa.text("text_attempt_id IS NOT NULL AND kind = 'settle'"),
            postgresql_concurrently=True,
        )
        op.create_index(
            "uq_webhook_deliveries_text",
            "webhook_deliveries",
            ["text_job_id", "endpoint_id", "kind"],
            unique=True,
            postgresql_concurrently=True,
        )
        op.execute("RESET lock_timeout")
        op.execute("RESET statement_timeout")


def downgrade() -> None:
    op.drop_index("uq_webhook_deliveries_text", table_name="webhook_deliveries")
    op.drop_column("webhook_deliveries", "text_job_id")
    op.alter_column(
        "webhook_deliveries",
        "kind",
        existing_type=sa.String(),
        comment="render_job.STATE, render_job.result_expiring or webhook.test",
        existing_nullable=False,
    )
    op.alter_column(
        "webhook_deliveries", "job_id", existing_type=sa.Uuid(), comment="Null in a test", existing_nullable=True
    )
    op.drop_constraint(op.f("ck_ledger_entries_is_about_one_thing"), "ledger_entries", type_="check")
    op.drop_column("ledger_entries", "text_attempt_id")
    op.alter_column("ledger_entries", "job_id", existing_type=sa.Uuid(), nullable=False, comment="For which job")
    op.drop_column("accounts", "text_base_url")
    op.drop_table("text_attempts")
    op.drop_table("text_jobs")
    op.drop_table("text_lanes")
