"""failure codes are ours or the provider's

Revision: failure_code_comment, after 0001.
"""

import sqlalchemy as sa
from alembic import op

revision = "failure_code_comment"
down_revision = "0001"
branch_labels = None
depends_on = None

BEFORE = "The provider's code, as received"
AFTER = "One of our codes, or the provider's as received"


def upgrade() -> None:
    op.alter_column("render_jobs", "failure_code", existing_type=sa.String(), comment=AFTER, existing_comment=BEFORE)


def downgrade() -> None:
    op.alter_column("render_jobs", "failure_code", existing_type=sa.String(), comment=BEFORE, existing_comment=AFTER)
