"""a row for each thing that happens to a campaign or to the server, so that receivers are told of it once

Revision: notices, after taken_back_days.
"""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "notices"
down_revision = "taken_back_days"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "notices",
        sa.Column("id", sa.Uuid(), nullable=False, comment="Ours, UUIDv7"),
        sa.Column("kind", sa.String(), nullable=False, comment="Such as campaign.finished or account.paused"),
        sa.Column(
            "subject",
            sa.String(),
            nullable=False,
            comment="Id of the campaign, account or cap that it is about, or a word",
        ),
        sa.Column(
            "marker",
            sa.String(),
            nullable=False,
            comment="What tells occurrences of one subject apart, such as paused_at",
        ),
        sa.Column(
            "campaign_id",
            sa.Uuid(),
            nullable=True,
            comment="Null: it is about the server, and for its operators only",
        ),
        sa.Column(
            "facts",
            postgresql.JSONB(),
            nullable=False,
            comment="Names and numbers as they were then; never a prompt",
        ),
        sa.Column(
            "occurred_at",
            sa.DateTime(timezone=True),
            nullable=False,
            comment="When it happened, as far as the rows say",
        ),
        sa.Column(
            "ended_at",
            sa.DateTime(timezone=True),
            nullable=True,
            comment="When a lasting condition was over; null: it is not",
        ),
        sa.PrimaryKeyConstraint("id", name="pk_notices"),
        sa.ForeignKeyConstraint(["campaign_id"], ["campaigns.id"], name="fk_notices_campaign_id"),
        comment="What happened to campaigns and to the server, each occurrence once",
    )
    op.create_index(
        "uq_notices_occurrence",
        "notices",
        ["kind", "subject", "marker"],
        unique=True,
        postgresql_where=sa.text("ended_at IS NULL"),
    )
    op.create_index("ix_notices_campaign_id", "notices", ["campaign_id"])
    op.add_column(
        "webhook_deliveries",
        sa.Column(
            "notice_id",
            sa.Uuid(),
            nullable=True,
            comment="What happened to a campaign; null: it is about none",
        ),
    )
    op.create_foreign_key(
        "fk_webhook_deliveries_notice_id", "webhook_deliveries", "notices", ["notice_id"], ["id"]
    )
    op.create_index(
        "uq_webhook_deliveries_notice", "webhook_deliveries", ["notice_id", "endpoint_id"], unique=True
    )
    op.alter_column(
        "webhook_deliveries",
        "job_id",
        comment="Null in a test, and in an event of a text job or of a campaign",
    )
    op.alter_column(
        "webhook_deliveries",
        "kind",
        comment="render_job.STATE, render_job.result_expiring, text_job.STATE, a campaign's event or webhook.test",
    )


def downgrade() -> None:
    op.execute("DELETE FROM webhook_deliveries WHERE notice_id IS NOT NULL")
    op.alter_column(
        "webhook_deliveries",
        "kind",
        comment="render_job.STATE, render_job.result_expiring, text_job.STATE or webhook.test",
    )
    op.alter_column("webhook_deliveries", "job_id", comment="Null in a test, and in an event of a text job")
    op.drop_column("webhook_deliveries", "notice_id")
    op.drop_table("notices")
