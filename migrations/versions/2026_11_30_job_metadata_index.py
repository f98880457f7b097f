"""jobs are found by their metadata

Revision: job_metadata_index, after failure_code_comment.
"""

import sqlalchemy as sa
from alembic import op

revision = "job_metadata_index"
down_revision = "failure_code_comment"
branch_labels = None
depends_on = None


def upgrade() -> None:
    # Beside whoever writes: millions of rows may be there.
    with op.get_context().autocommit_block():
        op.execute("SET statement_timeout = 0")  # it stops nobody, however long it takes
        op.execute("SET lock_timeout = 0")  # it waits for the transactions that were open when it began
        op.execute("DROP INDEX CONCURRENTLY IF EXISTS ix_render_jobs_metadata")  # what an interrupted run has left
        op.create_index(
            "ix_render_jobs_metadata",
            "render_jobs",
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
        op.drop_index("ix_render_jobs_metadata", table_name="render_jobs", postgresql_concurrently=True)
