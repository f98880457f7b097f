"""channels through which people are notified, and what is on its way to them

Revision: notification_channels, after text_batches.
"""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "notification_channels"
down_revision = "text_batches"
branch_labels = None
depends_on = None


def _moment(name: str, comment: str, *, nullable: bool = True) -> sa.Column:
    return sa.Column(name, sa.DateTime(timezone=True), nullable=nullable, comment=comment)


def upgrade() -> None:
    op.create_table(
        "notification_channels",
        sa.Column("id", sa.Uuid(), nullable=False, comment="Ours, UUIDv7"),
        sa.Column("name", sa.String(), nullable=False, comment="What operators call it"),
        sa.Column(
            "url_env", sa.String(), nullable=False, comment="Name of the environment variable that holds its URL"
        ),
        sa.Column(
            "tenant_id",
            sa.Uuid(),
            nullable=True,
            comment="Whose campaigns it is about; null: it is the operators', and about all",
        ),
        sa.Column("events", postgresql.JSONB(), nullable=False, comment="Kinds of notices that are sent to it"),
        sa.Column(
            "has_prompts",
            sa.Boolean(),
            nullable=False,
            comment="Whether a few prompts of the clips concerned are sent as well",
        ),
        _moment("created_at", "It is sent what happens from then on", nullable=False),
        sa.Column(
            "failure_count", sa.Integer(), nullable=False, comment="Failed tries in a row, of any notification"
        ),
        _moment("held_until", "After failed tries nothing is sent until then"),
        _moment("lease_until", "While a worker sends; it is believed dead then"),
        sa.PrimaryKeyConstraint("id", name="pk_notification_channels"),
        sa.UniqueConstraint("name", name="uq_notification_channels_name"),
        sa.ForeignKeyConstraint(["tenant_id"], ["tenants.id"], name="fk_notification_channels_tenant_id"),
        comment="Where people are notified, each with its lease and back-off; never the URL itself",
    )
    op.create_index("ix_notification_channels_tenant_id", "notification_channels", ["tenant_id"])
    op.create_table(
        "notification_deliveries",
        sa.Column("id", sa.Uuid(), nullable=False, comment="Ours, UUIDv7"),
        sa.Column("channel_id", sa.Uuid(), nullable=False, comment="Where it is sent"),
        sa.Column("notice_id", sa.Uuid(), nullable=False, comment="What it says"),
        sa.Column("state", sa.String(length=32), nullable=False, comment="pending, delivered or dead"),
        _moment("asked_at", "Since when it is tried", nullable=False),
        _moment("next_attempt_at", "When it is tried next; null: never"),
        sa.Column("attempt_count", sa.Integer(), nullable=False, comment="Tries that have ended"),
        _moment("finished_at", "When it was delivered or given up"),
        sa.Column("last_error", sa.String(), nullable=True, comment="Why the last try failed; without secrets"),
        sa.PrimaryKeyConstraint("id", name="pk_notification_deliveries"),
        sa.UniqueConstraint("channel_id", "notice_id", name="uq_notification_deliveries_channel_id_notice_id"),
        sa.CheckConstraint(
            "(state = 'pending') = (next_attempt_at IS NOT NULL)", name=op.f("ck_notification_deliveries_pending_is_due")
        ),
        sa.ForeignKeyConstraint(
            ["channel_id"], ["notification_channels.id"], name="fk_notification_deliveries_channel_id"
        ),
        sa.ForeignKeyConstraint(["notice_id"], ["notices.id"], name="fk_notification_deliveries_notice_id"),
        comment="Notices on their way to notification channels, each once per channel",
    )
    op.create_index("ix_notification_deliveries_notice_id", "notification_deliveries", ["notice_id"])
    op.create_index(
        "ix_notification_deliveries_due",
        "notification_deliveries",
        ["channel_id", "next_attempt_at"],
        postgresql_where=sa.text("next_attempt_at IS NOT NULL"),
    )


def downgrade() -> None:
    op.drop_table("notification_deliveries")
    op.drop_table("notification_channels")
