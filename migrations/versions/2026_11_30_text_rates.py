"""requests and tokens per minute of language models, by account

Revision: text_rates, after notification_channels.
"""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "text_rates"
down_revision = "notification_channels"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column(
        "accounts",
        sa.Column(
            "text_rates",
            postgresql.JSONB(),
            server_default="{}",
            nullable=False,
            comment="Requests and tokens per minute by language model, where they differ from the published ones",
        ),
    )


def downgrade() -> None:
    op.drop_column("accounts", "text_rates")
