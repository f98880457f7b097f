"""submit gates

Revision: submit_gates, after staged_bytes.
"""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "submit_gates"
down_revision = "staged_bytes"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "submit_gates",
        sa.Column("account_id", sa.Uuid(), nullable=False, comment="Whose"),
        sa.Column(
            "database_id",
            sa.String(),
            nullable=True,
            comment="Postgres system identifier, timeline and object ids of the database it was last seen in",
        ),
        sa.Column(
            "server_started_at",
            sa.DateTime(timezone=True),
            nullable=True,
            comment="When that Postgres server was started",
        ),
        sa.Column(
            "alive_at", sa.DateTime(timezone=True), nullable=True, comment="A recent dispatch, to within half a minute"
        ),
        sa.Column(
            "known_until",
            sa.DateTime(timezone=True),
            nullable=True,
            comment="Every task of ours that is older is on record; stands still while the gate is not fully open",
        ),
        sa.Column(
            "is_open",
            sa.Boolean(),
            server_default=sa.text("false"),
            nullable=False,
            comment="Whether it takes submits of models that are not held",
        ),
        sa.Column(
            "closed_at",
            sa.DateTime(timezone=True),
            nullable=True,
            comment="When the present comparison became necessary",
        ),
        sa.Column(
            "cause",
            sa.String(),
            nullable=True,
            comment="restarted or restored: what made the comparison necessary",
        ),
        sa.Column("reason", sa.String(), nullable=True, comment="What it waits for, for operators"),
        sa.Column(
            "check_at", sa.DateTime(timezone=True), nullable=True, comment="When the list is read next; null: never"
        ),
        sa.Column(
            "held_tasks",
            postgresql.JSONB(astext_type=sa.Text()),
            server_default=sa.text("'{}'"),
            nullable=False,
            comment="Listed tasks that may belong to waiting jobs, by model; no job of that model is submitted",
        ),
        sa.Column(
            "foreign_task_ids",
            postgresql.JSONB(astext_type=sa.Text()),
            server_default=sa.text("'[]'"),
            nullable=False,
            comment="Listed tasks that were found to be no job's of ours",
        ),
        sa.ForeignKeyConstraint(
            ["account_id"], ["accounts.id"], name=op.f("fk_submit_gates_account_id")
        ),
        sa.PrimaryKeyConstraint("account_id", name=op.f("pk_submit_gates")),
        comment="Whether each account takes submits, or waits for the provider's task list",
    )


def downgrade() -> None:
    op.drop_table("submit_gates")
