"""The audit of text jobs passes over a clean life, and names each invariant that is broken by hand."""

from __future__ import annotations

import pytest
from sqlalchemy import text

from models import OnLostAnswer
from models.operations.texts.enqueue import TextJobOptions
from tests.support.asked import Asked
from workers.audit.text_bill import BILLED, COVERED, KNOWN, TOTALS
from workers.audit.text_invariants import TEXT_CHECKS

_ENDPOINT = """
    INSERT INTO webhook_endpoints (id, tenant_id, url, secret_sha256, open_since, failure_count)
    SELECT DISTINCT gen_random_uuid(), tenant_id, 'https://receiver.example/', '', now() - interval '1 hour', 0
    FROM (SELECT DISTINCT tenant_id FROM text_jobs) t"""

BREAKS = {
    # The worker's outcome was stored by halves.
    "text_running_is_being_asked": "UPDATE text_jobs SET state = 'running', text = NULL, finish_reason = NULL",
    # Sent a third time.
    "text_calls_within_policy": """
        INSERT INTO text_attempts (id, job_id, number, account_id, base_url, state, epoch, spec_sha256, send_by)
        SELECT gen_random_uuid(), job_id, number + extra, account_id, base_url, 'ambiguous', epoch, spec_sha256, send_by
        FROM text_attempts, generate_series(5, 6) extra WHERE state = 'answered'""",
    # A bill that nobody entered.
    "text_call_is_entered": "ALTER TABLE ledger_entries DISABLE TRIGGER USER; DELETE FROM ledger_entries",
    "text_costs_add_up": "UPDATE text_jobs SET cost_amount = cost_amount + 1",
    # Half an answer.
    "text_answer_is_whole": "UPDATE text_jobs SET finish_reason = 'length', state = 'failed' WHERE text IS NOT NULL",
    "text_end_is_told": _ENDPOINT,
    "text_only_its_end_is_told": f"""{_ENDPOINT};
        INSERT INTO webhook_deliveries
            (id, endpoint_id, text_job_id, kind, occurred_at, state, asked_at, next_attempt_at, attempt_count)
        SELECT gen_random_uuid(), w.id, j.id, 'text_job.failed', now(), 'pending', now(), now(), 0
        FROM text_jobs j, webhook_endpoints w""",  # noqa: S608
    # Followed without an id to ask for.
    "text_batch_has_its_lines": """
        INSERT INTO text_batches
            (id, account_id, base_url, model, name, state, line_count, next_step_at, step, problem_count, sent_at)
        SELECT gen_random_uuid(), id, base_url, 'qwen-plus', 'x', 'running', 1, now(), 0, 0, now() FROM accounts""",
    "text_batch_is_of_one_kind": "UPDATE text_jobs SET is_batched = true, line_bytes = 1",
    BILLED.name: "UPDATE text_attempts SET cost_amount = cost_amount * 2 WHERE state = 'answered'",
    KNOWN.name: "UPDATE text_attempts SET state = 'refused' WHERE state = 'ambiguous'",
    COVERED.name: "UPDATE text_attempts SET cost_amount = 0 WHERE state = 'ambiguous'",
    TOTALS.name: "UPDATE text_attempts SET cost_amount = cost_amount * 2 WHERE state = 'answered'",
}


def test_every_check_has_a_break() -> None:
    assert set(BREAKS) == {check.name for check in (*TEXT_CHECKS, BILLED, KNOWN, COVERED, TOTALS)}


@pytest.mark.parametrize("name", sorted(BREAKS))
def test_a_broken_invariant_is_named(asked: Asked, name: str) -> None:
    asked.answered(asked.queued())
    lost = asked.queued(options=TextJobOptions(on_lost_answer=OnLostAnswer.HOLD))
    asked.fault("drop", phase="after")
    asked.answered(lost)
    with asked.context.sessions.begin() as session:
        session.execute(
            text("UPDATE text_jobs SET finished_at = now() - interval '5 minutes' WHERE finish_reason = 'stop'")
        )
    assert asked.broken() == []

    with asked.context.sessions.begin() as session:
        for statement in BREAKS[name].split(";"):
            session.execute(text(statement))

    assert name in {finding.check.name for finding in asked.broken()}


def test_a_call_of_a_stranger_is_named(asked: Asked) -> None:
    """Whoever uses the same key beside the queue."""
    done = asked.queued()
    asked.answered(done)
    asked.answered(asked.queued())
    with asked.context.sessions.begin() as session:
        session.execute(text("ALTER TABLE ledger_entries DISABLE TRIGGER USER"))
        for statement in (
            "DELETE FROM ledger_entries WHERE text_attempt_id IN (SELECT id FROM text_attempts WHERE job_id = :id)",
            "DELETE FROM text_attempts WHERE job_id = :id",
            "DELETE FROM text_jobs WHERE id = :id",
        ):
            session.execute(text(statement), {"id": done})

    assert KNOWN in [finding.check for finding in asked.broken()]
