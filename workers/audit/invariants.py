"""The invariants that hold at every commit, each as one query for the rows that break it.

``python -m workers audit`` runs them all; every fault test ends with it.
"""

from __future__ import annotations

from typing import Any, Final

from sqlalchemy import text
from sqlalchemy.orm import Session

from models.account import Account
from models.job_event import DOUBLE_PAYMENT_EXPLAINED
from models.operations.scheduling.account_limits import ReadLimit, lane_limits
from reelqueue.states import COLLECTABLE, OPEN_ATTEMPT, OPEN_TEXT_ATTEMPT, TERMINAL, RenderState, TaskStatus
from workers.audit.check import Check, Finding, words
from workers.audit.text_invariants import TEXT_CHECKS

_LIMIT: Final = 20


_AT_PROVIDER = f"'{RenderState.RENDERING.value}', '{RenderState.CANCELLING.value}', '{RenderState.ARCHIVING.value}'"

_BILLED_BEYOND: Final = """
       SELECT e.job_id, e.amount AS billed, held.amount AS reserved, e.currency, e.campaign_id, e.at
       FROM ledger_entries e
       JOIN LATERAL (SELECT amount FROM ledger_entries
                     WHERE job_id = e.job_id AND kind = 'reserve' AND id < e.id
                       AND account_id = e.account_id AND currency = e.currency
                     ORDER BY id DESC LIMIT 1) held ON true
       WHERE e.kind = 'settle' AND e.amount > held.amount"""
BILL_IS_RESERVED: Final = Check(
    "bill_is_reserved",
    "what the provider billed for a task is no more than was reserved for it",
    _BILLED_BEYOND,
    is_warning=True,
)

BILL_IS_MEASURED: Final = Check(
    "bill_is_measured",
    "a task was settled by the seconds of its usage, and not at its reservation for want of them",
    """SELECT job_id, amount, currency, at FROM ledger_entries
       WHERE kind = 'settle' AND seconds IS NULL AND job_id IS NOT NULL""",
    is_warning=True,
)

PAYMENTS_ARE_SINGLE: Final = Check(
    "payments_are_single",
    "no double payment had to be explained",
    f"""SELECT job_id, at, detail->>'paid' AS paid, detail->>'by' AS by, detail->>'why' AS why FROM job_events
        WHERE kind = '{DOUBLE_PAYMENT_EXPLAINED}'""",  # noqa: S608
    is_warning=True,
)

# Only constants of ours are written into these texts.
CHECKS: Final = (
    Check(
        "one_open_attempt",
        "a job has at most one open attempt",
        f"""SELECT job_id, count(*) AS open_attempts FROM attempts
            WHERE state IN ({words(OPEN_ATTEMPT)}) GROUP BY job_id HAVING count(*) > 1""",  # noqa: S608
    ),
    Check(
        "bound_attempt_has_task",
        "a bound attempt has exactly one provider task, and no other attempt has one",
        """SELECT a.id AS attempt_id, a.job_id, a.state, count(t.id) AS tasks
           FROM attempts a LEFT JOIN provider_tasks t ON t.attempt_id = a.id
           GROUP BY a.id HAVING count(t.id) <> CASE WHEN a.state IN ('bound', 'adopted') THEN 1 ELSE 0 END""",
    ),
    Check(
        "one_paid_task_per_job",
        "a job has at most one provider task that succeeded, or as many as an operator has explained",
        f"""SELECT job_id, count(*) AS paid FROM provider_tasks t WHERE status = '{TaskStatus.SUCCEEDED}'
            GROUP BY job_id HAVING count(*) > greatest(1,
              (SELECT max((e.detail->>'paid')::int) FROM job_events e
               WHERE e.job_id = t.job_id AND e.kind = '{DOUBLE_PAYMENT_EXPLAINED}'))""",  # noqa: S608
    ),
    PAYMENTS_ARE_SINGLE,
    Check(
        "submitted_job_has_task",
        "a job that is at the provider, or came from it, has a provider task, unless that was another submit's",
        f"""SELECT j.id AS job_id, j.state FROM render_jobs j
            WHERE j.state IN ({_AT_PROVIDER}, 'timed_out', 'succeeded', 'lost')
              AND NOT EXISTS (SELECT 1 FROM provider_tasks t WHERE t.job_id = j.id)
              AND NOT (j.state = 'timed_out' AND EXISTS
                       (SELECT 1 FROM job_events e WHERE e.job_id = j.id AND e.kind = 'misnamed'))""",  # noqa: S608
    ),
    Check(
        "every_state_has_its_event",
        "a job's last state event names the state that it is in",
        """SELECT j.id AS job_id, j.state, e.to_state AS last_event FROM render_jobs j
           LEFT JOIN LATERAL (SELECT to_state FROM job_events WHERE job_id = j.id AND to_state IS NOT NULL
                              ORDER BY id DESC LIMIT 1) e ON true
           WHERE e.to_state IS DISTINCT FROM j.state""",
    ),
    Check(
        "terminal_is_final",
        "no job leaves a terminal state, except timed_out and lost for succeeded",
        f"""SELECT job_id, from_state, to_state FROM job_events WHERE from_state IN ({words(TERMINAL)})
            AND NOT (from_state IN ({words(COLLECTABLE)}) AND to_state = 'succeeded')""",  # noqa: S608
    ),
    Check(
        "slot_has_a_user",
        "a leased slot belongs to a job that is on its way to the provider or there",
        f"""SELECT s.job_id, j.state, s.leased_at FROM slots s JOIN render_jobs j ON j.id = s.job_id
            WHERE j.state NOT IN ('admitted', 'submitting', 'needs_review', {_AT_PROVIDER}, 'timed_out', 'cancelled')
               OR (j.state = 'cancelled' AND j.next_poll_at IS NULL) OR j.state = 'archiving'""",  # noqa: S608
    ),
    Check(
        "user_has_a_slot",
        "a job that is on its way to the provider, or there, holds a slot until its task is paid or written off",
        """SELECT j.id AS job_id, j.state FROM render_jobs j
           WHERE j.state IN ('admitted', 'submitting', 'rendering', 'cancelling', 'needs_review')
             AND NOT (j.state = 'needs_review' AND j.failure_class = 'poison')
             AND NOT EXISTS (SELECT 1 FROM slots s WHERE s.job_id = j.id)
             AND NOT EXISTS (SELECT 1 FROM ledger_entries e
                             WHERE e.job_id = j.id AND e.kind IN ('settle', 'write_off'))""",
    ),
    Check(
        "followed_until_the_end",
        "a job at the provider has a next poll, one with a result has a next fetch",
        """SELECT id AS job_id, state FROM render_jobs
           WHERE (state IN ('rendering', 'cancelling') AND next_poll_at IS NULL)
              OR (state = 'archiving' AND next_archive_at IS NULL)""",
    ),
    Check(
        "reserved_is_in_a_slot",
        "what the ledger holds reserved for a job is what its slot says",
        """SELECT job_id, currency, ledger, slot FROM
             (SELECT job_id, max(currency) AS currency, sum(amount) AS ledger FROM ledger_entries
              WHERE kind IN ('reserve', 'release') GROUP BY job_id) entered
             FULL JOIN (SELECT job_id, reserved_amount AS slot FROM slots) held USING (job_id)
           WHERE coalesce(ledger, 0) <> coalesce(slot, 0)""",
    ),
    Check(
        "paid_task_is_settled",
        "a provider task that succeeded is settled once, with the seconds that the provider counted; until it tells"
        " them, and while it is asked for them, it is written off once",
        f"""SELECT t.job_id, t.provider_task_id, t.billed_seconds,
                   count(e.id) FILTER (WHERE e.kind = 'settle') AS settled
            FROM provider_tasks t JOIN render_jobs j ON j.id = t.job_id
            LEFT JOIN ledger_entries e ON e.provider_task_id = t.id
            WHERE t.status = '{TaskStatus.SUCCEEDED}'
            GROUP BY t.id, j.next_poll_at
            HAVING (count(e.id) FILTER (WHERE e.kind = 'settle') <> 1
                    OR max(e.seconds) IS DISTINCT FROM t.billed_seconds)
               AND NOT (j.next_poll_at IS NOT NULL AND coalesce(t.billed_seconds, 0) = 0
                        AND count(e.id) = 1 AND max(e.kind) = 'write_off')""",  # noqa: S608
    ),
    Check(
        "write_off_ends_with_the_bill",
        "what was written off for a task, or for a job whose task was not known, is taken back when it is settled",
        """SELECT w.job_id, w.currency, sum(w.amount) AS written_off FROM ledger_entries w
           WHERE w.kind = 'write_off' AND EXISTS (
             SELECT 1 FROM ledger_entries s JOIN provider_tasks t ON t.id = s.provider_task_id
             JOIN attempts a ON a.id = t.attempt_id
             WHERE s.job_id = w.job_id AND s.kind = 'settle'
               AND (s.provider_task_id = w.provider_task_id
                    OR (w.provider_task_id IS NULL
                        AND a.number = (SELECT max(number) FROM attempts WHERE job_id = w.job_id))))
           GROUP BY w.job_id, w.currency HAVING sum(w.amount) <> 0""",
    ),
    BILL_IS_RESERVED,
    BILL_IS_MEASURED,
    Check(
        "budget_is_kept",
        "what a campaign has reserved and spent is within its budget, but for what the provider billed beyond a"
        " reservation, and its totals agree with the ledger",
        f"""SELECT c.id AS campaign_id, c.budget_amount, c.spent_amount, spent.amount AS ledger, held.amount AS reserved
           FROM campaigns c
           CROSS JOIN LATERAL (SELECT coalesce(sum(amount), 0) AS amount FROM ledger_entries e
             WHERE e.campaign_id = c.id AND e.currency = c.budget_currency
               AND e.kind IN ('settle', 'write_off')) spent
           CROSS JOIN LATERAL (SELECT coalesce(sum(reserved_amount), 0) AS amount FROM slots s
             WHERE s.campaign_id = c.id AND s.currency = c.budget_currency) in_slots
           CROSS JOIN LATERAL (SELECT in_slots.amount + coalesce(sum(a.reserved_amount), 0) AS amount
             FROM text_attempts a JOIN text_jobs t ON t.id = a.job_id
             WHERE t.campaign_id = c.id AND a.currency = c.budget_currency
               AND a.state IN ({words(OPEN_TEXT_ATTEMPT)})) held
           CROSS JOIN LATERAL (SELECT coalesce(sum(b.billed - b.reserved), 0) AS amount FROM ({_BILLED_BEYOND}) b
             WHERE b.campaign_id = c.id AND b.currency = c.budget_currency) beyond
           WHERE c.budget_amount IS NOT NULL
             AND (spent.amount <> c.spent_amount
                  OR spent.amount + held.amount > c.budget_amount + beyond.amount)""",  # noqa: S608
    ),
    Check(
        "daily_spending_is_the_ledgers",
        "what is added up by day, tenant and account is what the ledger has; what is taken back is of the day on which"
        " it was written off",
        """SELECT * FROM
             (SELECT CASE WHEN e.amount < 0 THEN spending_day(e) ELSE (e.at AT TIME ZONE 'UTC')::date END AS day,
                     c.tenant_id, e.account_id, e.currency, sum(e.amount) AS ledger
              FROM ledger_entries e JOIN campaigns c ON c.id = e.campaign_id
              WHERE e.kind IN ('settle', 'write_off') AND e.amount IS NOT NULL AND e.currency IS NOT NULL
              GROUP BY 1, 2, 3, 4) entered
             FULL JOIN daily_spending added USING (day, tenant_id, account_id, currency)
           WHERE coalesce(ledger, 0) <> coalesce(amount, 0)""",
    ),
    Check(
        "campaign_counts_are_the_jobs",
        "the clips that are counted by campaign, state and failure are those that there are",
        """SELECT campaign_id, state, failure_class, failure_code, sum(stored) AS stored, sum(counted) AS counted FROM
             (SELECT campaign_id, state, failure_class, failure_code, count(*) AS stored, 0 AS counted
              FROM render_jobs WHERE superseded_at IS NULL GROUP BY 1, 2, 3, 4
              UNION ALL
              SELECT campaign_id, state, failure_class, failure_code, 0, count FROM campaign_counts) parts
           GROUP BY 1, 2, 3, 4 HAVING sum(stored) <> sum(counted)""",
    ),
    Check(
        "campaign_spending_is_the_ledgers",
        "what is added up by campaign is what the ledger has",
        """SELECT campaign_id, currency, sum(entered) AS ledger, sum(added) AS added FROM
             (SELECT campaign_id, currency, amount AS entered, 0 AS added FROM ledger_entries
              WHERE kind IN ('settle', 'write_off') AND amount IS NOT NULL AND currency IS NOT NULL
              UNION ALL
              SELECT campaign_id, currency, 0, amount FROM campaign_spending) parts
           GROUP BY 1, 2 HAVING sum(entered) <> sum(added)""",
    ),
    Check(
        # An endpoint that was made or closed at about the same moment may, or may not, have been seen by the move.
        "every_end_is_told",
        "each terminal move of a job has exactly one delivery to each webhook endpoint that its owner had then",
        f"""SELECT e.job_id, e.to_state, w.id AS endpoint_id, count(d.id) AS deliveries FROM job_events e
            JOIN render_jobs j ON j.id = e.job_id
            JOIN webhook_endpoints w ON w.tenant_id = j.tenant_id
              AND e.at > w.open_since + interval '1 minute'
              AND e.at < least(w.disabled_at, w.deleted_at, 'infinity') - interval '1 minute'
            LEFT JOIN webhook_deliveries d
              ON d.endpoint_id = w.id AND d.job_id = e.job_id AND d.kind = 'render_job.' || e.to_state
            WHERE e.to_state IN ({words(TERMINAL)}) GROUP BY e.id, w.id HAVING count(d.id) <> 1""",  # noqa: S608
    ),
    Check(
        "only_what_happened_is_told",
        "a delivery about a job has the event that it tells of, at the same time",
        """SELECT d.id AS delivery_id, d.job_id, d.kind FROM webhook_deliveries d
           WHERE d.job_id IS NOT NULL AND NOT EXISTS (SELECT 1 FROM job_events e WHERE e.job_id = d.job_id
             AND 'render_job.' || coalesce(e.to_state, e.kind) = d.kind AND e.at = d.occurred_at)""",
    ),
    Check(
        "succeeded_has_its_video",
        "a succeeded job has a video and a poster in the archive",
        # The last frame beside them is kept since clips may continue each other; older jobs have none.
        """SELECT j.id AS job_id, count(a.id) AS files
           FROM render_jobs j LEFT JOIN assets a ON a.job_id = j.id AND a.kind IN ('video', 'poster')
           WHERE j.state = 'succeeded' GROUP BY j.id HAVING count(a.id) <> 2""",
    ),
    *TEXT_CHECKS,
)


def audit(session: Session) -> list[Finding]:
    """Run every check.

    Returns:
        One finding per check, in order; an empty list of rows means that it holds.
    """
    findings = [Finding(check, _rows(session, check.query)) for check in CHECKS]
    return [*findings, Finding(_SLOTS, _over_limit(session))]


def _rows(session: Session, query: str) -> list[dict[str, Any]]:
    limited = text(f"{query} LIMIT {_LIMIT}")
    return [dict(row) for row in session.execute(limited).mappings()]


_SLOTS: Final = Check(
    "slots_within_limits",
    "an account leases no more slots for a model than its limit and look-ahead; what was leased before the provider"
    " lowered the limit stays",
    "SELECT account_id, model, count(*) AS leased, max(leased_at) AS newest FROM slots GROUP BY account_id, model",
)


def _over_limit(session: Session) -> list[dict[str, Any]]:
    over = []
    for lane in session.execute(text(_SLOTS.query)).mappings():
        account = session.get_one(Account, lane["account_id"])
        limit = lane_limits(account, lane["model"]).slots + account.look_ahead
        lowered_at = ReadLimit.of(account, lane["model"]).lowered_at
        was_allowed = lowered_at is not None and lane["newest"] <= lowered_at
        if lane["leased"] > limit and not was_allowed:
            over.append({"account": account.name, "model": lane["model"], "leased": lane["leased"], "limit": limit})
    return over
