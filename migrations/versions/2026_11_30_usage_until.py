"""until when a task that succeeded is asked for its usage

Revision: usage_until, after spending_caps.
"""

import sqlalchemy as sa
from alembic import op

revision = "usage_until"
down_revision = "spending_caps"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column(
        "provider_tasks",
        sa.Column(
            "usage_until",
            sa.DateTime(timezone=True),
            nullable=True,
            comment="So long a success that tells no usage is asked for it; null: none has come without",
        ),
    )
    # Those that are being asked for it, from their write-off on.
    op.execute("""
        UPDATE provider_tasks t SET usage_until = w.at + interval '1 hour'
        FROM (SELECT provider_task_id, min(at) AS at FROM ledger_entries WHERE kind = 'write_off' GROUP BY 1) w
        WHERE w.provider_task_id = t.id AND t.status = 'SUCCEEDED' AND t.billed_seconds IS NULL""")


def downgrade() -> None:
    op.drop_column("provider_tasks", "usage_until")
