"""text jobs count how often a person had them asked again

Revision: text_retries, after usage_until.
"""

import sqlalchemy as sa
from alembic import op

revision = "text_retries"
down_revision = "usage_until"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column(
        "text_jobs",
        sa.Column(
            "retry_count",
            sa.Integer(),
            server_default=sa.text("0"),
            nullable=False,
            comment="How often a person had it asked again after a lost answer",
        ),
    )


def downgrade() -> None:
    op.drop_column("text_jobs", "retry_count")
