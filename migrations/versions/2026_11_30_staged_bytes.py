"""imports know how much they have staged, and open ones are found by age

Revision: staged_bytes, after content_version.
"""

import sqlalchemy as sa
from alembic import op

revision = "staged_bytes"
down_revision = "content_version"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column(
        "clip_imports",
        sa.Column(
            "staged_bytes",
            sa.BigInteger(),
            server_default="0",
            nullable=False,
            comment="What its batches take in the database, until its commit",
        ),
    )
    op.create_index(
        "ix_clip_imports_open", "clip_imports", ["created_at"], postgresql_where=sa.text("committed_at IS NULL")
    )


def downgrade() -> None:
    op.drop_index("ix_clip_imports_open", "clip_imports")
    op.drop_column("clip_imports", "staged_bytes")
