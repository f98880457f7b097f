"""A campaign's clips by state and failure, and its money, as triggers keep them: read, and folded into few rows."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from decimal import Decimal
from typing import Final
from uuid import UUID

from sqlalchemy import func, select, text
from sqlalchemy.orm import Session

from models.campaign_count import CampaignCount
from models.campaign_spending import CampaignSpending
from reelqueue.states import FailureClass, RenderState

FOLDED_AT_ONCE: Final = 10_000
"""Changes that one statement folds: some tens of milliseconds."""

# Arrays, and no joins: the table has a few rows at one moment and thousands at the next, which no plan expects.
_FOLD: Final = """
WITH fresh AS (
  SELECT id, campaign_id FROM {table} WHERE NOT is_folded ORDER BY id LIMIT :most FOR UPDATE SKIP LOCKED
), old AS (
  SELECT id FROM {table} WHERE is_folded AND campaign_id = ANY (ARRAY(SELECT DISTINCT campaign_id FROM fresh))
  FOR UPDATE SKIP LOCKED
), gone AS (
  DELETE FROM {table} WHERE id = ANY (ARRAY(SELECT id FROM fresh UNION ALL SELECT id FROM old))
  RETURNING {keys}, {value}
), folded AS (
  INSERT INTO {table} ({keys}, {value}, is_folded)
  SELECT {keys}, sum({value}), true FROM gone GROUP BY {keys} {having}
)
SELECT count(*) FROM fresh
"""
_FOLDS: Final = (
    text(
        _FOLD.format(
            table="campaign_counts",
            keys="campaign_id, state, failure_class, failure_code",
            value="count",
            having="HAVING sum(count) <> 0",
        )
    ),
    # With what adds up to nothing: a campaign that was billed nothing says so.
    text(_FOLD.format(table="campaign_spending", keys="campaign_id, currency", value="amount", having="")),
)

# One statement each sees rows and sums at one moment, and appends the difference: nothing waits for it.
_RECOUNTS: Final = (
    text("""
    INSERT INTO campaign_counts (campaign_id, state, failure_class, failure_code, count)
    SELECT campaign_id, state, failure_class, failure_code, sum(missing) FROM (
      SELECT campaign_id, state, failure_class, failure_code, count(*) AS missing FROM render_jobs
      WHERE superseded_at IS NULL GROUP BY 1, 2, 3, 4
      UNION ALL
      SELECT campaign_id, state, failure_class, failure_code, -count FROM campaign_counts
    ) AS parts GROUP BY 1, 2, 3, 4 HAVING sum(missing) <> 0 RETURNING 1
    """),
    text("""
    INSERT INTO campaign_spending (campaign_id, currency, amount)
    SELECT campaign_id, currency, sum(missing) FROM (
      SELECT campaign_id, currency, amount AS missing FROM ledger_entries
      WHERE kind IN ('settle', 'write_off') AND amount IS NOT NULL AND currency IS NOT NULL
      UNION ALL
      SELECT campaign_id, currency, -amount FROM campaign_spending
    ) AS parts GROUP BY 1, 2 HAVING sum(missing) <> 0 RETURNING 1
    """),
)
_RECOUNT_LOCK: Final = 7_305_281_045
"""Two that correct at once would correct twice; the number is arbitrary and ours."""


@dataclass(frozen=True, slots=True)
class Kind:
    """What the clips of one count have in common."""

    state: RenderState
    failure_class: FailureClass | None
    failure_code: str | None


def counts_by_kind(session: Session, campaign_id: UUID) -> dict[Kind, int]:
    """How many of a campaign's clips are of each kind; those in whose place others stand are left out."""
    kind = (CampaignCount.state, CampaignCount.failure_class, CampaignCount.failure_code)
    count = func.sum(CampaignCount.count)
    counted = select(*kind, count).where(CampaignCount.campaign_id == campaign_id).group_by(*kind).having(count != 0)
    rows = session.execute(counted)
    return {Kind(state, failure_class, code): int(number) for state, failure_class, code, number in rows}


def by_state(counts: Mapping[Kind, int]) -> dict[RenderState, int]:
    """Counts of kinds as counts of states."""
    found: Counter[RenderState] = Counter()
    for kind, count in counts.items():
        found[kind.state] += count
    return dict(found)


def spent_by_currency(session: Session, campaign_id: UUID) -> dict[str, Decimal]:
    """What a campaign has spent, written off included, by currency."""
    spent = (
        select(CampaignSpending.currency, func.sum(CampaignSpending.amount))
        .where(CampaignSpending.campaign_id == campaign_id)
        .group_by(CampaignSpending.currency)
        .order_by(CampaignSpending.currency)
    )
    return dict(session.execute(spent).all())


def fold_counts(session: Session) -> int:
    """Fold changes of counts and money into one row each; the sums stay what they are at every moment.

    Args:
        session: In a transaction; the caller commits. What another folds at the same time is left to it.

    Returns:
        How many changes were folded, at most `FOLDED_AT_ONCE` of each kind.
    """
    return sum(session.execute(fold, {"most": FOLDED_AT_ONCE}).scalar_one() for fold in _FOLDS)


def recount(session: Session) -> int:
    """Set the counts and the money of all campaigns to what their rows are, also while others write.

    Args:
        session: In a transaction; the caller commits.

    Returns:
        How many sums were wrong: 0, unless triggers did not run, or ran twice, as where data alone is restored.
    """
    session.execute(select(func.pg_advisory_xact_lock(_RECOUNT_LOCK)))
    return sum(len(session.execute(each).all()) for each in _RECOUNTS)
