"""campaigns remember how their CSV file is written

Revision: csv_style, after variable_names.
"""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "csv_style"
down_revision = "variable_names"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column(
        "campaigns",
        sa.Column(
            "csv_style",
            postgresql.JSONB(),
            nullable=True,
            comment="Of the CSV file that was applied last, which exports follow: delimiter, decimal, has_byte_order_mark",
        ),
    )


def downgrade() -> None:
    op.drop_column("campaigns", "csv_style")
