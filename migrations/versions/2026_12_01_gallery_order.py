"""a campaign's clips are found in the order of its gallery

Revision: gallery_order, after campaign_counts_filled.
"""

import sqlalchemy as sa
from alembic import op

revision = "gallery_order"
down_revision = "campaign_counts_filled"
branch_labels = None
depends_on = None


def upgrade() -> None:
    # Beside other transactions that write: millions of rows may be there.
    with op.get_context().autocommit_block():
        op.execute("SET statement_timeout = 0")  # it blocks no other transaction, however long it takes
        op.execute("SET lock_timeout = 0")  # it waits for the transactions that were open when it began
        op.execute("DROP INDEX CONCURRENTLY IF EXISTS ix_render_jobs_place")  # what an interrupted run has left
        op.create_index(
            "ix_render_jobs_place",
            "render_jobs",
            ["campaign_id", sa.text("coalesce(clip_line, 0)"), "id"],
            postgresql_include=["clip_line", "state"],
            postgresql_where=sa.text("superseded_at IS NULL"),
            postgresql_concurrently=True,
        )
        op.execute("RESET lock_timeout")
        op.execute("RESET statement_timeout")


def downgrade() -> None:
    with op.get_context().autocommit_block():
        op.drop_index("ix_render_jobs_place", table_name="render_jobs", postgresql_concurrently=True)
