"""campaigns and imports keep the order of their variables

Revision: variable_names, after submit_gates.
"""

import sqlalchemy as sa
from alembic import op

revision = "variable_names"
down_revision = "submit_gates"
branch_labels = None
depends_on = None

ORDERS = {
    "campaigns": "Of the variables of its rows, in the order of the file that was applied last",
    "clip_imports": "Of the variables of its rows, in the file's order",
}


def upgrade() -> None:
    for table, comment in ORDERS.items():
        op.add_column(
            table, sa.Column("variable_names", sa.ARRAY(sa.Text()), nullable=True, comment=comment)
        )


def downgrade() -> None:
    for table in ORDERS:
        op.drop_column(table, "variable_names")
