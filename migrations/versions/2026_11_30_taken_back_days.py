"""what is taken back counts on the day on which it was written off

Revision: taken_back_days, after text_metadata_index.
"""

from alembic import op

revision = "taken_back_days"
down_revision = "text_metadata_index"
branch_labels = None
depends_on = None

_FUNCTION = """
    CREATE OR REPLACE FUNCTION add_to_daily_spending() RETURNS trigger LANGUAGE plpgsql AS $$
    BEGIN
      INSERT INTO daily_spending (day, tenant_id, account_id, currency, amount)
      SELECT {day}, c.tenant_id, NEW.account_id, NEW.currency, NEW.amount
      FROM campaigns c WHERE c.id = NEW.campaign_id
      ON CONFLICT (day, tenant_id, account_id, currency)
      DO UPDATE SET amount = daily_spending.amount + EXCLUDED.amount;
      RETURN NULL;
    END $$
    """
_MOVE = """
    INSERT INTO daily_spending (day, tenant_id, account_id, currency, amount)
    SELECT moved.day, c.tenant_id, e.account_id, e.currency, sum(moved.amount)
    FROM ledger_entries e JOIN campaigns c ON c.id = e.campaign_id
    CROSS JOIN LATERAL (VALUES ((e.at AT TIME ZONE 'UTC')::date, {sign}(-e.amount)),
                               (spending_day(e), {sign}(e.amount))) moved (day, amount)
    WHERE e.kind = 'write_off' AND e.amount < 0 AND e.currency IS NOT NULL
      AND spending_day(e) <> (e.at AT TIME ZONE 'UTC')::date
    GROUP BY 1, 2, 3, 4
    ON CONFLICT (day, tenant_id, account_id, currency)
    DO UPDATE SET amount = daily_spending.amount + EXCLUDED.amount
    """


def upgrade() -> None:
    op.execute(
        """
        CREATE FUNCTION spending_day(entry ledger_entries) RETURNS date LANGUAGE sql STABLE AS $$
          SELECT (coalesce(
            (SELECT max(w.at) FROM ledger_entries w
             WHERE entry.kind = 'write_off' AND entry.amount < 0
               AND w.kind = 'write_off' AND w.amount > 0 AND w.id < entry.id AND w.account_id = entry.account_id
               AND (w.text_attempt_id = entry.text_attempt_id
                    OR w.job_id = entry.job_id AND w.provider_task_id IS NOT DISTINCT FROM entry.provider_task_id)),
            entry.at) AT TIME ZONE 'UTC')::date
        $$
        """
    )
    # Nothing is entered between the new rule and what it changes of the past.
    op.execute("LOCK TABLE ledger_entries IN SHARE ROW EXCLUSIVE MODE")
    op.execute(_FUNCTION.format(day="spending_day(NEW)"))
    op.execute(_MOVE.format(sign=""))


def downgrade() -> None:
    op.execute("LOCK TABLE ledger_entries IN SHARE ROW EXCLUSIVE MODE")
    op.execute(_MOVE.format(sign="-"))
    op.execute(_FUNCTION.format(day="(NEW.at AT TIME ZONE 'UTC')::date"))
    op.execute("DROP FUNCTION spending_day(ledger_entries)")
