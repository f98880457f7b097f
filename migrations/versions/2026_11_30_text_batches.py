"""text jobs can be sent in batches

Revision: text_batches, after model_prices.
"""

import sqlalchemy as sa
from alembic import op

revision = "text_batches"
down_revision = "model_prices"
branch_labels = None
depends_on = None

_STATES = ("gathered", "creating", "ambiguous", "running", "releasing", "closed")
_CLASSES = ("input", "moderation", "account", "throttle", "provider", "result", "poison", "unknown")
_QUEUED = ("ix_text_jobs_queued", "text_jobs", ["model", sa.text("priority DESC"), "created_at", "id"])
_RUNNING = ("ix_text_jobs_running", "text_jobs", ["tenant_id"])


def upgrade() -> None:
    op.create_table("text_batches", *_columns(), comment="Text jobs that are sent to the provider as one file")
    op.create_index(
        "ix_text_batches_next_step_at",
        "text_batches",
        ["next_step_at"],
        postgresql_where=sa.text("state <> 'closed'"),
    )
    op.create_index("ix_text_batches_account_id", "text_batches", ["account_id"])
    op.create_index(
        "uq_text_batches_provider_batch_id",
        "text_batches",
        ["account_id", "provider_batch_id"],
        unique=True,
        postgresql_where=sa.text("provider_batch_id IS NOT NULL"),
    )
    _change_attempts()
    _change_jobs()


def _columns() -> list[sa.Column | sa.Constraint]:  # type: ignore[type-arg]
    moment = sa.DateTime(timezone=True)
    state = sa.Enum(*_STATES, name="textbatchstate", native_enum=False, length=32)
    failure = sa.Enum(*_CLASSES, name="failureclass", native_enum=False, length=32)
    optional = (
        ("input_file_id", sa.String(), "The provider's id of the file that it was made of"),
        ("sent_at", moment, "When making it was committed as about to be sent"),
        ("answer_by", moment, "From here on the request cannot be under way any more"),
        ("provider_sent_at", moment, "The provider's own time just before it was sent; null: it was not said"),
        ("first_absent_at", moment, "When the list was first without it"),
        ("provider_absent_at", moment, "The same by the provider's own time"),
        ("provider_batch_id", sa.String(), "The provider's id; null: it is not known to exist"),
        ("provider_status", sa.String(), "The provider's word, as received"),
        ("cancel_sent_at", moment, "When the provider was asked to cancel it"),
        ("closed_at", moment, "When all its jobs had their outcome"),
        ("error_class", failure, "Why there is no batch, by what to do about it"),
        ("error_code", sa.String(), "The provider's as received, or one of ours"),
        ("error_message", sa.String(), "For people"),
    )
    due = "When its next step is due; while a worker takes a step, when that worker counts as dead"
    fence = "Fence: raised by each worker that takes a step; a late one makes nothing at the provider"
    return [
        sa.Column("id", sa.Uuid(), nullable=False, comment="Ours, UUIDv7"),
        sa.Column("account_id", sa.Uuid(), nullable=False, comment="Where it goes"),
        sa.Column("base_url", sa.String(), nullable=False, comment="The base URL that it is sent to"),
        sa.Column("model", sa.String(), nullable=False, comment="The model of all its lines"),
        sa.Column(
            "thinking",
            sa.Boolean(),
            nullable=True,
            comment="`enable_thinking` of all its lines; null: they have none",
        ),
        sa.Column(
            "name", sa.String(), nullable=False, comment="Its `ds_name` at the provider, by which it is looked up"
        ),
        sa.Column("state", state, nullable=False, comment="How far it came; see reelqueue.states"),
        sa.Column("line_count", sa.Integer(), nullable=False, comment="Jobs that it was gathered from"),
        sa.Column(
            "created_at", moment, server_default=sa.func.now(), nullable=False, comment="When its jobs were claimed"
        ),
        sa.Column("next_step_at", moment, nullable=False, comment=due),
        sa.Column("step", sa.Integer(), nullable=False, comment=fence),
        sa.Column("problem_count", sa.Integer(), nullable=False, comment="Steps in a row that failed"),
        sa.Column("problem", sa.String(), nullable=True, comment="Why the last step failed; null: it did not"),
        *(sa.Column(name, kind, nullable=True, comment=comment) for name, kind, comment in optional),
        sa.ForeignKeyConstraint(["account_id"], ["accounts.id"], name="fk_text_batches_account_id_accounts"),
        sa.PrimaryKeyConstraint("id", name="pk_text_batches"),
        sa.UniqueConstraint("name", name="uq_text_batches_name"),
    ]


def _change_attempts() -> None:
    comment = "The batch that it is a line of; null: it is a POST of its own"
    op.add_column("text_attempts", sa.Column("batch_id", sa.Uuid(), nullable=True, comment=comment))
    op.create_foreign_key(
        "fk_text_attempts_batch_id_text_batches", "text_attempts", "text_batches", ["batch_id"], ["id"]
    )
    op.create_index("ix_text_attempts_batch_id", "text_attempts", ["batch_id", "state"])


def _change_jobs() -> None:
    comment = "Whether it is asked in a batch: within a day, at half the price"
    op.add_column(
        "text_jobs",
        sa.Column("is_batched", sa.Boolean(), server_default=sa.text("false"), nullable=False, comment=comment),
    )
    comment = "Of its line in a batch's file; null: it is in none"
    op.add_column("text_jobs", sa.Column("line_bytes", sa.Integer(), nullable=True, comment=comment))
    op.create_check_constraint(
        op.f("ck_text_jobs_batched_has_line"), "text_jobs", "is_batched = (line_bytes IS NOT NULL)"
    )
    op.create_index(
        "ix_text_jobs_batched",
        "text_jobs",
        ["model", "created_at", "id"],
        postgresql_where=sa.text("state = 'queued' AND is_batched"),
    )
    _index_again(" AND NOT is_batched")


def _index_again(more: str) -> None:
    for index, state in ((_QUEUED, "queued"), (_RUNNING, "running")):
        op.drop_index(index[0], table_name=index[1])
        op.create_index(*index, postgresql_where=sa.text(f"state = '{state}'{more}"))


def downgrade() -> None:
    _index_again("")
    op.drop_index("ix_text_jobs_batched", table_name="text_jobs")
    op.drop_constraint(op.f("ck_text_jobs_batched_has_line"), "text_jobs", type_="check")
    for name in ("line_bytes", "is_batched"):
        op.drop_column("text_jobs", name)
    op.drop_index("ix_text_attempts_batch_id", table_name="text_attempts")
    op.drop_column("text_attempts", "batch_id")
    op.drop_table("text_batches")
