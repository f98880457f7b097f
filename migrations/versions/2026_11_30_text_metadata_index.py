"""text jobs are found by their metadata

Revision: text_metadata_index, after read_limits.
"""

import sqlalchemy as sa
from alembic import op

revision = "text_metadata_index"
down_revision = "read_limits"
branch_labels = None
depends_on = None


def upgrade() -> None:
    # Beside whoever writes: millions of rows may be there.
    with op.get_context().autocommit_block():
        op.execute("SET statement_timeout = 0")  # it stops nobody, however long it takes
        op.execute("SET lock_timeout = 0")  # it waits for the transactions that were open when it began
        op.execute("DROP INDEX CONCURRENTLY IF EXISTS ix_text_jobs_metadata")  # what an interrupted run has left
        op.create_index(
            "ix_text_jobs_metadata",
            "text_jobs",
            ["metadata"],
            postgresql_using="gin",
            postgresql_ops={"metadata": "jsonb_path_ops"},
            postgresql_where=sa.text("metadata IS NOT NULL"),
            postgresql_concurrently=True,
        )
        op.execute("RESET lock_timeout")
        op.execute("RESET statement_timeout")


def downgrade() -> None:
    with op.get_context().autocommit_block():
        op.drop_index("ix_text_jobs_metadata", table_name="text_jobs", postgresql_concurrently=True)
