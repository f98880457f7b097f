"""what the provider says of an account's limits

Revision: read_limits, after text_retries.
"""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "read_limits"
down_revision = "text_retries"
branch_labels = None
depends_on = None


def upgrade() -> None:
    moment = sa.DateTime(timezone=True)
    op.add_column(
        "accounts",
        sa.Column(
            "read_limits",
            postgresql.JSONB(),
            server_default="{}",
            nullable=False,
            comment="What the provider says of each model: see ReadLimit",
        ),
    )
    op.add_column(
        "accounts", sa.Column("limits_read_at", moment, nullable=True, comment="When the provider last said it")
    )
    op.add_column("accounts", sa.Column("limits_asked_at", moment, nullable=True, comment="When it was last asked"))
    op.add_column(
        "accounts",
        sa.Column("limits_problem", sa.String(), nullable=True, comment="Why it did not say; null: it did"),
    )


def downgrade() -> None:
    for name in ("limits_problem", "limits_asked_at", "limits_read_at", "read_limits"):
        op.drop_column("accounts", name)
