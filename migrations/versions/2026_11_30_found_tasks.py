"""listed tasks that jobs under review may have made, and their files

Revision: found_tasks, after csv_style.
"""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "found_tasks"
down_revision = "csv_style"
branch_labels = None
depends_on = None


def upgrade() -> None:
    moment = sa.DateTime(timezone=True)
    op.create_table(
        "found_tasks",
        sa.Column("id", sa.Uuid(), nullable=False, comment="Ours, UUIDv7"),
        sa.Column("account_id", sa.Uuid(), nullable=False, comment="Whose list shows it"),
        sa.Column("base_url", sa.String(), nullable=False, comment="The host that listed it"),
        sa.Column("provider_task_id", sa.String(), nullable=False, comment="The provider's id"),
        sa.Column(
            "model", sa.String(), nullable=True, comment="The provider's model id; null: the list does not say"
        ),
        sa.Column("status", sa.String(), nullable=False, comment="The provider's last word, as received"),
        sa.Column("code", sa.String(), nullable=True, comment="Of its failure, as received"),
        sa.Column("message", sa.String(), nullable=True, comment="Of its failure, as received"),
        sa.Column("orig_prompt", sa.String(), nullable=True, comment="The prompt that it echoes"),
        sa.Column("actual_prompt", sa.String(), nullable=True, comment="The prompt as the provider rewrote it"),
        sa.Column("usage", postgresql.JSONB(), nullable=True, comment="As received"),
        sa.Column("billed_seconds", sa.Numeric(), nullable=True, comment="What the provider counts, from usage"),
        sa.Column("result_url", sa.String(), nullable=True, comment="Signed, valid for 24 hours"),
        sa.Column("made_at", moment, nullable=True, comment="When the provider made it, by its own clock"),
        sa.Column("started_at", moment, nullable=True, comment="When it got a slot at the provider"),
        sa.Column("ended_at", moment, nullable=True, comment="When it ended at the provider"),
        sa.Column("asked_at", moment, nullable=False, comment="When it said so"),
        sa.Column("next_fetch_at", moment, nullable=True, comment="When its file is fetched next; null: never"),
        sa.Column("fetch_count", sa.Integer(), nullable=False, comment="Fetches that were begun"),
        sa.Column("path", sa.String(), nullable=True, comment="Of its file in the archive; null: it is not kept"),
        sa.Column("size_bytes", sa.BigInteger(), nullable=True, comment="Of the file"),
        sa.Column("sha256", sa.String(), nullable=True, comment="Hex SHA-256 of the file"),
        sa.ForeignKeyConstraint(["account_id"], ["accounts.id"], name=op.f("fk_found_tasks_account_id_accounts")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_found_tasks")),
        sa.UniqueConstraint(
            "account_id", "provider_task_id", name=op.f("uq_found_tasks_account_id_provider_task_id")
        ),
        comment="Listed tasks that jobs under review may have made, and their files",
    )
    op.create_index(
        "ix_found_tasks_due_fetch",
        "found_tasks",
        ["next_fetch_at"],
        unique=False,
        postgresql_where=sa.text("next_fetch_at IS NOT NULL"),
    )


def downgrade() -> None:
    op.drop_index("ix_found_tasks_due_fetch", table_name="found_tasks")
    op.drop_table("found_tasks")
