"""the clips that were chosen for a canary

Revision: canary_ids, after provider_clocks.
"""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "canary_ids"
down_revision = "provider_clocks"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column(
        "campaigns",
        sa.Column(
            "canary_ids",
            postgresql.ARRAY(sa.Text()),
            nullable=True,
            comment="Ids of the clips that were chosen for the canary; null: none yet",
        ),
    )


def downgrade() -> None:
    op.drop_column("campaigns", "canary_ids")
