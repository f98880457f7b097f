"""which version of the content hash a campaign's clips have

Revision: content_version, after canary_ids.
"""

import sqlalchemy as sa
from alembic import op

revision = "content_version"
down_revision = "canary_ids"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column(
        "campaigns",
        sa.Column(
            "content_version",
            sa.Integer(),
            server_default=sa.text("1"),
            nullable=False,
            comment="Of the content hashes of its clips; older ones are renewed before its next file is compared",
        ),
    )


def downgrade() -> None:
    op.drop_column("campaigns", "content_version")
