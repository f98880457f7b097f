"""when the owner of a campaign agreed to its prices, and when one has risen since

Revision: agreed_prices, after text_rates.
"""

import sqlalchemy as sa
from alembic import op

revision = "agreed_prices"
down_revision = "text_rates"
branch_labels = None
depends_on = None


def upgrade() -> None:
    moment = sa.DateTime(timezone=True)
    op.add_column(
        "campaigns",
        sa.Column(
            "prices_agreed_at",
            moment,
            nullable=True,
            comment="The moment whose prices its owner agreed to; null: no file was applied",
        ),
    )
    op.add_column(
        "campaigns",
        sa.Column("repriced_at", moment, nullable=True, comment="Since when it is paused as a price has risen"),
    )


def downgrade() -> None:
    op.drop_column("campaigns", "repriced_at")
    op.drop_column("campaigns", "prices_agreed_at")
