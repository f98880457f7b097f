"""the path that an embedded picture was read from

Revision: reference_paths, after api_key_life.
"""

import sqlalchemy as sa
from alembic import op

revision = "reference_paths"
down_revision = "api_key_life"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column(
        "job_references",
        sa.Column(
            "path",
            sa.String(),
            nullable=True,
            comment="The path of the producer's file that is embedded, as its campaign file has it; null: it was a URL",
        ),
    )


def downgrade() -> None:
    op.drop_column("job_references", "path")
