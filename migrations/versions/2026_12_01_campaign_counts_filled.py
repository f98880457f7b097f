"""what was there before campaigns were counted is counted

Revision: campaign_counts_filled, after campaign_counts.

One statement each, which sees rows and counts at one moment and appends the difference: it blocks no other transaction, however
long it takes, and an interrupted run is repeated.
"""

import sqlalchemy as sa
from alembic import op

revision = "campaign_counts_filled"
down_revision = "campaign_counts"
branch_labels = None
depends_on = None


def upgrade() -> None:
    with op.get_context().autocommit_block():
        op.execute("SET statement_timeout = 0")  # they block no other transaction, however long they take
        op.execute("SET lock_timeout = 0")  # an index waits for the transactions that were open when it began
        op.execute(
            """
            INSERT INTO campaign_counts (campaign_id, state, failure_class, failure_code, count, is_folded)
            SELECT campaign_id, state, failure_class, failure_code, sum(missing), true FROM (
              SELECT campaign_id, state, failure_class, failure_code, count(*) AS missing FROM render_jobs
              WHERE superseded_at IS NULL GROUP BY 1, 2, 3, 4
              UNION ALL
              SELECT campaign_id, state, failure_class, failure_code, -count FROM campaign_counts
            ) AS parts GROUP BY 1, 2, 3, 4 HAVING sum(missing) <> 0
            """
        )
        op.execute(
            """
            INSERT INTO campaign_spending (campaign_id, currency, amount, is_folded)
            SELECT campaign_id, currency, sum(missing), true FROM (
              SELECT campaign_id, currency, sum(amount) AS missing FROM ledger_entries
              WHERE kind IN ('settle', 'write_off') AND amount IS NOT NULL AND currency IS NOT NULL GROUP BY 1, 2
              UNION ALL
              SELECT campaign_id, currency, -amount FROM campaign_spending
            ) AS parts GROUP BY 1, 2
            """
        )
        _index("ix_render_jobs_finished_at", ["campaign_id", "finished_at"], "finished_at IS NOT NULL")
        _index(
            "ix_render_jobs_failures",
            ["campaign_id", "state", "failure_code", "finished_at"],
            "finished_at IS NOT NULL AND superseded_at IS NULL AND state <> 'succeeded'",
        )
        op.execute("RESET lock_timeout")
        op.execute("RESET statement_timeout")


def _index(name: str, columns: list[str], where: str) -> None:
    op.execute(f"DROP INDEX CONCURRENTLY IF EXISTS {name}")  # what an interrupted run has left
    op.create_index(name, "render_jobs", columns, postgresql_where=sa.text(where), postgresql_concurrently=True)


def downgrade() -> None:
    with op.get_context().autocommit_block():
        for name in ("ix_render_jobs_failures", "ix_render_jobs_finished_at"):
            op.drop_index(name, table_name="render_jobs", postgresql_concurrently=True)
