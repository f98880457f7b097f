"""The invariants of text jobs that hold at every commit, each as one query for the rows that break it."""

from __future__ import annotations

from typing import Final

from models.operations.texts.attempts import MAYBE_BILLED
from reelqueue.states import OPEN_TEXT_ATTEMPT, TEXT_TERMINAL
from workers.audit.check import Check, words

# Only constants of ours are written into these texts.
TEXT_CHECKS: Final = (
    Check(
        "text_running_is_being_asked",
        "a running text job has exactly one open call, at its epoch, and no other job has one",
        f"""SELECT j.id AS text_job_id, j.state, count(a.id) AS open_calls
            FROM text_jobs j LEFT JOIN text_attempts a ON a.job_id = j.id AND a.state IN ({words(OPEN_TEXT_ATTEMPT)})
            GROUP BY j.id HAVING count(a.id) <> CASE WHEN j.state = 'running' THEN 1 ELSE 0 END
              OR bool_or(a.epoch <> j.epoch)""",  # noqa: S608
    ),
    Check(
        "text_calls_within_policy",
        "a text job is not sent more often than its owner has decided: once, once more after a lost answer with"
        " retry_once, and as often as a person has allowed beyond that",
        f"""SELECT j.id AS text_job_id, j.on_lost_answer, j.retry_count, count(a.id) AS calls
            FROM text_jobs j JOIN text_attempts a ON a.job_id = j.id
            WHERE a.state IN ({words(MAYBE_BILLED)}) GROUP BY j.id
            HAVING count(a.id) > j.retry_count + CASE WHEN j.on_lost_answer = 'retry_once' THEN 2 ELSE 1 END""",  # noqa: S608
    ),
    Check(
        "text_call_is_entered",
        "a call that was answered, or whose answer was lost, is in the ledger once with what it cost; of another call"
        " nothing is, or a write-off that was taken back",
        """SELECT a.id AS text_attempt_id, a.job_id AS text_job_id, a.state, a.cost_amount, sum(e.amount) AS entered
           FROM text_attempts a LEFT JOIN ledger_entries e ON e.text_attempt_id = a.id
           GROUP BY a.id
           HAVING (a.state NOT IN ('answered', 'ambiguous')
                  AND (coalesce(sum(e.amount), 0) <> 0 OR count(e.id) FILTER (WHERE e.kind <> 'write_off') > 0))
             OR (a.state IN ('answered', 'ambiguous') AND (
               a.cost_amount IS DISTINCT FROM sum(e.amount)
               OR max(e.currency) IS DISTINCT FROM CASE WHEN a.cost_amount IS NULL THEN NULL ELSE a.currency END
               OR count(e.id) FILTER (WHERE e.kind IN ('reserve', 'release')) > 0
               OR NOT (count(e.id) FILTER (WHERE e.kind = 'settle') = 1
                       AND count(e.id) FILTER (WHERE e.kind = 'write_off') IN (0, 2)
                    OR count(e.id) FILTER (WHERE e.kind = 'settle') = 0
                       AND count(e.id) FILTER (WHERE e.kind = 'write_off') = 1)))""",
    ),
    Check(
        "text_costs_add_up",
        "what a text job says that it cost is the sum of its ledger entries",
        """SELECT j.id AS text_job_id, j.cost_amount, sum(e.amount) AS entered
           FROM text_jobs j LEFT JOIN text_attempts a ON a.job_id = j.id
           LEFT JOIN ledger_entries e ON e.text_attempt_id = a.id
           GROUP BY j.id HAVING coalesce(j.cost_amount, 0) <> coalesce(sum(e.amount), 0)""",
    ),
    Check(
        "text_answer_is_whole",
        "a text job has an answer if and only if it succeeded: one that ended by itself, of one answered call",
        """SELECT j.id AS text_job_id, j.state, j.finish_reason FROM text_jobs j
           WHERE (j.state = 'succeeded') <> (j.text IS NOT NULL AND j.finish_reason IN ('stop', 'length', 'tool_calls'))
              OR (j.state <> 'succeeded' AND (j.text IS NOT NULL OR j.finish_reason IS NOT NULL))
              OR (j.state = 'succeeded' AND 1 <> (SELECT count(*) FROM text_attempts a
                    WHERE a.job_id = j.id AND a.state = 'answered' AND a.epoch = j.epoch
                      AND a.request_id IS NOT DISTINCT FROM j.request_id))""",
    ),
    Check(
        "text_end_is_told",
        "the end of a text job has exactly one delivery to each webhook endpoint that its owner had then",
        f"""SELECT j.id AS text_job_id, j.state, w.id AS endpoint_id, count(d.id) AS deliveries FROM text_jobs j
            JOIN webhook_endpoints w ON w.tenant_id = j.tenant_id
              AND j.finished_at > w.open_since + interval '1 minute'
              AND j.finished_at < least(w.disabled_at, w.deleted_at, 'infinity') - interval '1 minute'
            LEFT JOIN webhook_deliveries d
              ON d.endpoint_id = w.id AND d.text_job_id = j.id AND d.kind = 'text_job.' || j.state
            WHERE j.state IN ({words(TEXT_TERMINAL)}) GROUP BY j.id, w.id HAVING count(d.id) <> 1""",  # noqa: S608
    ),
    Check(
        "text_only_its_end_is_told",
        "a delivery about a text job tells of its end, at the same time",
        """SELECT d.id AS delivery_id, d.text_job_id, d.kind FROM webhook_deliveries d
           JOIN text_jobs j ON j.id = d.text_job_id
           WHERE 'text_job.' || j.state <> d.kind OR j.finished_at IS DISTINCT FROM d.occurred_at""",
    ),
    Check(
        "text_batch_has_its_lines",
        "the open calls of a batch have left if and only if making it has begun; one that is closed has none, and one"
        " that is followed is known to the provider",
        f"""SELECT b.id AS batch_id, b.state, count(a.id) AS open_calls
            FROM text_batches b
            LEFT JOIN text_attempts a ON a.batch_id = b.id AND a.state IN ({words(OPEN_TEXT_ATTEMPT)})
            GROUP BY b.id
            HAVING (b.state = 'closed' AND count(a.id) > 0)
              OR (b.state = 'gathered') <> (b.sent_at IS NULL) AND b.state <> 'closed'
              OR bool_or(a.state <> CASE WHEN b.state = 'gathered' THEN 'intent' ELSE 'sent' END)
              OR (b.state = 'running' AND b.provider_batch_id IS NULL)
              OR (b.state IN ('gathered', 'creating', 'ambiguous') AND b.provider_batch_id IS NOT NULL)""",  # noqa: S608
    ),
    Check(
        "text_batch_is_of_one_kind",
        "the calls of a batch are of its account, its URL and its model, and each job in it asked for one",
        """SELECT a.id AS text_attempt_id, a.batch_id, j.model, j.is_batched
           FROM text_attempts a JOIN text_jobs j ON j.id = a.job_id LEFT JOIN text_batches b ON b.id = a.batch_id
           WHERE (a.batch_id IS NOT NULL) <> j.is_batched
              OR (a.account_id, a.base_url, j.model) <> (b.account_id, b.base_url, b.model)""",
    ),
)
