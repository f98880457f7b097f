"""caps on spending above campaigns, and what is spent by day

Revision: spending_caps, after text_jobs.
"""

import sqlalchemy as sa
from alembic import op

revision = "spending_caps"
down_revision = "text_jobs"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "daily_spending",
        sa.Column("day", sa.Date(), nullable=False, comment="Of UTC, on which it was entered"),
        sa.Column("tenant_id", sa.Uuid(), nullable=False, comment="Whose money"),
        sa.Column("account_id", sa.Uuid(), nullable=False, comment="At which provider account"),
        sa.Column("currency", sa.String(), nullable=False, comment="ISO 4217 code"),
        sa.Column("amount", sa.Numeric(), nullable=False, comment="Below 0 where more was taken back than spent"),
        sa.ForeignKeyConstraint(["account_id"], ["accounts.id"], name=op.f("fk_daily_spending_account_id_accounts")),
        sa.ForeignKeyConstraint(["tenant_id"], ["tenants.id"], name=op.f("fk_daily_spending_tenant_id_tenants")),
        sa.PrimaryKeyConstraint("day", "tenant_id", "account_id", "currency", name=op.f("pk_daily_spending")),
        comment="The ledger's payments by day, tenant, account and currency",
    )
    op.create_index("ix_daily_spending_account_id", "daily_spending", ["account_id"], unique=False)
    op.create_index("ix_daily_spending_tenant_id", "daily_spending", ["tenant_id"], unique=False)
    op.create_table(
        "spending_caps",
        sa.Column("id", sa.Uuid(), nullable=False, comment="Ours, UUIDv7"),
        sa.Column(
            "tenant_id", sa.Uuid(), nullable=True, comment="Whose jobs; null: those of every tenant together"
        ),
        sa.Column(
            "account_id", sa.Uuid(), nullable=True, comment="At which provider account; null: at all of them together"
        ),
        sa.Column("period", sa.String(), nullable=False, comment="day or month, of UTC"),
        sa.Column(
            "amount", sa.Numeric(), nullable=False, comment="Most that may be spent and reserved in a period"
        ),
        sa.Column(
            "currency",
            sa.String(),
            nullable=False,
            comment="ISO 4217 code; nothing is converted, other currencies are not capped",
        ),
        sa.Column(
            "exhausted_at",
            sa.DateTime(timezone=True),
            nullable=True,
            comment="Since when a job waits because it has no room; an earlier period's counts no more",
        ),
        sa.Column(
            "reported_percent",
            sa.Integer(),
            nullable=False,
            comment="The highest threshold that was reported in the period of reported_day",
        ),
        sa.Column(
            "reported_day", sa.Date(), nullable=True, comment="First day of the period that it is about"
        ),
        sa.Column(
            "created_at",
            sa.DateTime(timezone=True),
            server_default=sa.text("now()"),
            nullable=False,
            comment="When the row was made",
        ),
        sa.CheckConstraint("amount >= 0", name=op.f("ck_spending_caps_amount_is_not_negative")),
        sa.ForeignKeyConstraint(["account_id"], ["accounts.id"], name=op.f("fk_spending_caps_account_id_accounts")),
        sa.ForeignKeyConstraint(["tenant_id"], ["tenants.id"], name=op.f("fk_spending_caps_tenant_id_tenants")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_spending_caps")),
        comment="Hard caps on spending above campaigns, by tenant, account, day and month",
    )
    op.create_index(
        "uq_spending_caps_scope",
        "spending_caps",
        ["tenant_id", "account_id", "period", "currency"],
        unique=True,
        postgresql_nulls_not_distinct=True,
    )
    op.create_index("ix_spending_caps_account_id", "spending_caps", ["account_id"], unique=False)
    # Made by a trigger, so that workers of the version before, which know nothing of it, add up what they enter too.
    # It locks the ledger until the commit: nothing is entered between here and the sums below.
    op.execute(
        """
        CREATE FUNCTION add_to_daily_spending() RETURNS trigger LANGUAGE plpgsql AS $$
        BEGIN
          INSERT INTO daily_spending (day, tenant_id, account_id, currency, amount)
          SELECT (NEW.at AT TIME ZONE 'UTC')::date, c.tenant_id, NEW.account_id, NEW.currency, NEW.amount
          FROM campaigns c WHERE c.id = NEW.campaign_id
          ON CONFLICT (day, tenant_id, account_id, currency)
          DO UPDATE SET amount = daily_spending.amount + EXCLUDED.amount;
          RETURN NULL;
        END $$
        """
    )
    op.execute(
        """
        CREATE TRIGGER daily_spending AFTER INSERT ON ledger_entries FOR EACH ROW
        WHEN (NEW.kind IN ('settle', 'write_off') AND NEW.amount IS NOT NULL AND NEW.currency IS NOT NULL)
        EXECUTE FUNCTION add_to_daily_spending()
        """
    )
    op.execute(
        """
        INSERT INTO daily_spending (day, tenant_id, account_id, currency, amount)
        SELECT (e.at AT TIME ZONE 'UTC')::date, c.tenant_id, e.account_id, e.currency, sum(e.amount)
        FROM ledger_entries e JOIN campaigns c ON c.id = e.campaign_id
        WHERE e.kind IN ('settle', 'write_off') AND e.amount IS NOT NULL AND e.currency IS NOT NULL
        GROUP BY 1, 2, 3, 4
        """
    )


def downgrade() -> None:
    op.execute("DROP TRIGGER daily_spending ON ledger_entries")
    op.execute("DROP FUNCTION add_to_daily_spending()")
    op.drop_table("spending_caps")
    op.drop_table("daily_spending")
