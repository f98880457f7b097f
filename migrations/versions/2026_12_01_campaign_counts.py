"""campaigns' clips and money are counted as they change

Revision: campaign_counts, after batch_keys.

Triggers, and not the code that writes: workers of the release before keep the counts too, and so do imports. Changes
are appended, so that writers do not wait for each other. What is there already is added by the next revision.
"""

import sqlalchemy as sa
from alembic import op

revision = "campaign_counts"
down_revision = "batch_keys"
branch_labels = None
depends_on = None

_IS_FOLDED = "Whether it is the sum of earlier rows, and no single {}"


def upgrade() -> None:
    op.create_table(
        "campaign_counts",
        sa.Column("id", sa.BigInteger(), sa.Identity(), nullable=False, comment="In order of writing"),
        sa.Column("campaign_id", sa.Uuid(), nullable=False, comment="Whose jobs"),
        sa.Column("state", sa.String(32), nullable=False, comment="Their state"),
        sa.Column("failure_class", sa.String(32), nullable=True, comment="As the jobs have it"),
        sa.Column("failure_code", sa.String(), nullable=True, comment="As the jobs have it"),
        sa.Column("count", sa.BigInteger(), nullable=False, comment="How many more; below 0: fewer"),
        sa.Column(
            "is_folded",
            sa.Boolean(),
            server_default=sa.text("false"),
            nullable=False,
            comment=_IS_FOLDED.format("change"),
        ),
        sa.PrimaryKeyConstraint("id", name="pk_campaign_counts"),
        comment="Changes of the numbers of jobs by campaign, state and failure; their sums are the numbers",
    )
    op.create_table(
        "campaign_spending",
        sa.Column("id", sa.BigInteger(), sa.Identity(), nullable=False, comment="In order of writing"),
        sa.Column("campaign_id", sa.Uuid(), nullable=False, comment="Whose money"),
        sa.Column("currency", sa.String(), nullable=False, comment="ISO 4217 code"),
        sa.Column("amount", sa.Numeric(), nullable=False, comment="Below 0 where a write-off is taken back"),
        sa.Column(
            "is_folded",
            sa.Boolean(),
            server_default=sa.text("false"),
            nullable=False,
            comment=_IS_FOLDED.format("payment"),
        ),
        sa.PrimaryKeyConstraint("id", name="pk_campaign_spending"),
        comment="The ledger's payments by campaign and currency; their sums are what campaigns have spent",
    )
    for table in ("campaign_counts", "campaign_spending"):
        op.create_index(f"ix_{table}_campaign_id", table, ["campaign_id"])
        op.create_index(f"ix_{table}_unfolded", table, ["id"], postgresql_where=sa.text("NOT is_folded"))
    _count_jobs()
    _add_up_payments()


def _count_jobs() -> None:
    for name, rows, sign in (("new", "added", ""), ("deleted", "removed", "-")):
        op.execute(
            f"""
            CREATE FUNCTION count_{name}_jobs() RETURNS trigger LANGUAGE plpgsql AS $$
            BEGIN
              INSERT INTO campaign_counts (campaign_id, state, failure_class, failure_code, count)
              SELECT campaign_id, state, failure_class, failure_code, {sign}count(*) FROM {rows}
              WHERE superseded_at IS NULL GROUP BY 1, 2, 3, 4;
              RETURN NULL;
            END $$
            """
        )
    op.execute(
        """
        CREATE FUNCTION count_moved_job() RETURNS trigger LANGUAGE plpgsql AS $$
        BEGIN
          INSERT INTO campaign_counts (campaign_id, state, failure_class, failure_code, count)
          SELECT campaign_id, state, failure_class, failure_code, change FROM (VALUES
            (OLD.campaign_id, OLD.state, OLD.failure_class, OLD.failure_code, -1, OLD.superseded_at),
            (NEW.campaign_id, NEW.state, NEW.failure_class, NEW.failure_code, 1, NEW.superseded_at)
          ) AS moved (campaign_id, state, failure_class, failure_code, change, superseded_at)
          WHERE superseded_at IS NULL;
          RETURN NULL;
        END $$
        """
    )
    op.execute(
        """
        CREATE TRIGGER count_new_jobs AFTER INSERT ON render_jobs REFERENCING NEW TABLE AS added
        FOR EACH STATEMENT EXECUTE FUNCTION count_new_jobs()
        """
    )
    op.execute(
        """
        CREATE TRIGGER count_deleted_jobs AFTER DELETE ON render_jobs REFERENCING OLD TABLE AS removed
        FOR EACH STATEMENT EXECUTE FUNCTION count_deleted_jobs()
        """
    )
    # By row: most updates of jobs change nothing that is counted, and then this costs one comparison.
    op.execute(
        """
        CREATE TRIGGER count_moved_job AFTER UPDATE ON render_jobs FOR EACH ROW
        WHEN ((OLD.campaign_id, OLD.state, OLD.failure_class, OLD.failure_code, OLD.superseded_at IS NULL)
              IS DISTINCT FROM
              (NEW.campaign_id, NEW.state, NEW.failure_class, NEW.failure_code, NEW.superseded_at IS NULL))
        EXECUTE FUNCTION count_moved_job()
        """
    )


def _add_up_payments() -> None:
    op.execute(
        """
        CREATE FUNCTION add_to_campaign_spending() RETURNS trigger LANGUAGE plpgsql AS $$
        BEGIN
          INSERT INTO campaign_spending (campaign_id, currency, amount)
          VALUES (NEW.campaign_id, NEW.currency, NEW.amount);
          RETURN NULL;
        END $$
        """
    )
    op.execute(
        """
        CREATE TRIGGER campaign_spending AFTER INSERT ON ledger_entries FOR EACH ROW
        WHEN (NEW.kind IN ('settle', 'write_off') AND NEW.amount IS NOT NULL AND NEW.currency IS NOT NULL)
        EXECUTE FUNCTION add_to_campaign_spending()
        """
    )


def downgrade() -> None:
    op.execute("DROP TRIGGER campaign_spending ON ledger_entries")
    for name in ("count_new_jobs", "count_deleted_jobs", "count_moved_job"):
        op.execute(f"DROP TRIGGER {name} ON render_jobs")
        op.execute(f"DROP FUNCTION {name}()")
    op.execute("DROP FUNCTION add_to_campaign_spending()")
    op.drop_table("campaign_spending")
    op.drop_table("campaign_counts")
