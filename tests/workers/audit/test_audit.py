"""The audit passes over a clean life, and names each invariant that somebody broke by hand."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

import pytest
from sqlalchemy import text

from reelqueue.states import RenderState
from tests.support.jobs import Jobs
from tests.support.loopback import says, serving
from tests.support.rows import Rows
from tests.support.sample_videos import make_clip
from tests.support.scripted_provider import refused, succeeded, task
from workers.archive.archive_result import archive_render_job
from workers.audit.invariants import CHECKS, audit
from workers.audit.text_invariants import TEXT_CHECKS

BREAKS = {
    # Two POSTs may be under way: the index that forbids it has to go first.
    "one_open_attempt": (
        """
        DROP INDEX uq_attempts_open;
        UPDATE attempts SET state = 'sent';
        INSERT INTO attempts
            (id, job_id, number, account_id, base_url, state, epoch, spec_sha256, send_by, listing_count)
        SELECT gen_random_uuid(), job_id, 2, account_id, base_url, 'sent', epoch, spec_sha256, send_by, 0
        FROM attempts"""
    ),
    # A task id was lost.
    "bound_attempt_has_task": "DELETE FROM provider_tasks",
    # Paid twice.
    "one_paid_task_per_job": (
        """
        UPDATE provider_tasks SET status = 'SUCCEEDED';
        INSERT INTO provider_tasks
            (id, job_id, attempt_id, account_id, base_url, provider_task_id, status, submitted_at)
        SELECT gen_random_uuid(), job_id, attempt_id, account_id, base_url, 'second', status, submitted_at
        FROM provider_tasks"""
    ),
    "submitted_job_has_task": "DELETE FROM provider_tasks",
    # Somebody changed a state with psql.
    "every_state_has_its_event": "UPDATE render_jobs SET state = 'archiving', next_archive_at = now()",
    "terminal_is_final": (
        """
        INSERT INTO job_events (job_id, at, kind, from_state, to_state, detail)
        SELECT id, now(), 'state', 'failed', 'rendering', '{}' FROM render_jobs"""
    ),
    # A slot leaked: one render less at a time, for ever.
    "slot_has_a_user": "UPDATE render_jobs SET state = 'succeeded'",
    "user_has_a_slot": "DELETE FROM slots",
    # Nobody would ever ask again.
    "followed_until_the_end": "UPDATE render_jobs SET next_poll_at = NULL",
    # A job came to an end, and nobody was told.
    "every_end_is_told": (
        """
        INSERT INTO webhook_endpoints (id, tenant_id, url, secret_sha256, open_since, failure_count)
        SELECT gen_random_uuid(), tenant_id, 'https://receiver.example/', '', now() - interval '1 hour', 0
        FROM render_jobs;
        INSERT INTO job_events (job_id, at, kind, from_state, to_state, detail)
        SELECT id, now(), 'state', 'rendering', 'failed', '{}' FROM render_jobs"""
    ),
    # Somebody is told what never happened.
    "only_what_happened_is_told": (
        """
        INSERT INTO webhook_endpoints (id, tenant_id, url, secret_sha256, open_since, failure_count)
        SELECT gen_random_uuid(), tenant_id, 'https://receiver.example/', '', now(), 0 FROM render_jobs;
        INSERT INTO webhook_deliveries
            (id, endpoint_id, job_id, kind, occurred_at, state, asked_at, next_attempt_at, attempt_count)
        SELECT gen_random_uuid(), w.id, j.id, 'render_job.failed', now(), 'pending', now(), now(), 0
        FROM render_jobs j, webhook_endpoints w"""
    ),
    "succeeded_has_its_video": "UPDATE render_jobs SET state = 'succeeded'",
    # The ledger says otherwise.
    "reserved_is_in_a_slot": "UPDATE slots SET reserved_amount = 0",
    # A bill that nobody entered.
    "paid_task_is_settled": "UPDATE provider_tasks SET status = 'SUCCEEDED', result_url = 'https://x'",
    # The provider rendered more than was asked for.
    "bill_is_reserved": """
        INSERT INTO ledger_entries (at, kind, campaign_id, job_id, account_id, amount, currency)
        SELECT at, 'settle', campaign_id, job_id, account_id, amount + 1, currency FROM ledger_entries""",
    # The provider never said what it rendered.
    "bill_is_measured": """
        INSERT INTO ledger_entries (at, kind, campaign_id, job_id, account_id, amount, currency)
        SELECT at, 'settle', campaign_id, job_id, account_id, amount, currency FROM ledger_entries""",
    # An operator has said why a job was paid for twice.
    "payments_are_single": """
        INSERT INTO job_events (job_id, at, kind, detail)
        SELECT id, now(), 'double_payment_explained', '{"paid": 2}' FROM render_jobs""",
    # It was written off for want of its task, which was then settled.
    "write_off_ends_with_the_bill": """
        INSERT INTO ledger_entries (at, kind, campaign_id, job_id, account_id, amount, currency, provider_task_id)
        SELECT e.at, 'settle', e.campaign_id, e.job_id, e.account_id, e.amount, e.currency, t.id
        FROM ledger_entries e JOIN provider_tasks t ON t.job_id = e.job_id;
        INSERT INTO ledger_entries (at, kind, campaign_id, job_id, account_id, amount, currency)
        SELECT at, 'write_off', campaign_id, job_id, account_id, amount, currency FROM ledger_entries
        WHERE kind = 'settle'""",
    "budget_is_kept": "UPDATE campaigns SET budget_amount = 0.01, budget_currency = 'USD'",
    "daily_spending_is_the_ledgers": """
        INSERT INTO daily_spending (day, tenant_id, account_id, currency, amount)
        SELECT '2026-11-23', t.id, a.id, 'USD', 1 FROM tenants t, accounts a LIMIT 1""",
    "campaign_counts_are_the_jobs": "UPDATE campaign_counts SET count = count + 1",
    "campaign_spending_is_the_ledgers": """
        INSERT INTO campaign_spending (campaign_id, currency, amount) SELECT id, 'USD', 1 FROM campaigns""",
    "slots_within_limits": "UPDATE accounts SET look_ahead = -5",
}


def broken(rows: Rows) -> set[str]:
    with rows.sessions.begin() as session:
        return {finding.check.name for finding in audit(session) if finding.rows}


def test_every_check_has_a_break() -> None:
    # Those of text jobs are broken in tests/workers/texts.
    names = {check.name for check in CHECKS} - {check.name for check in TEXT_CHECKS}

    assert set(BREAKS) == names | {"slots_within_limits"}


@pytest.mark.parametrize("name", sorted(BREAKS))
def test_a_broken_invariant_is_named(jobs: Jobs, rows: Rows, name: str) -> None:
    jobs.rendering()
    assert broken(rows) == set()

    with rows.sessions.begin() as session:
        for statement in BREAKS[name].split(";"):
            session.execute(text(statement))

    assert name in broken(rows)


def test_the_rows_that_break_it_are_shown_and_not_too_many(jobs: Jobs, rows: Rows) -> None:
    for _ in range(25):
        jobs.queued()
    with rows.sessions.begin() as session:
        session.execute(text("DELETE FROM job_events"))

        (finding,) = [finding for finding in audit(session) if finding.rows]

    assert finding.check.name == "every_state_has_its_event"
    assert len(finding.rows) == 20
    assert finding.rows[0]["state"] == RenderState.QUEUED


@pytest.fixture
def result_url() -> Iterator[str]:
    with serving(says("200 OK", make_clip())) as server:
        yield server.url


def test_clean_lives_break_nothing(jobs: Jobs, rows: Rows, result_url: str) -> None:
    """After every step of lives that end in every way."""
    plain = jobs.context.settings.provider.model_copy(update={"video_base_url": "http://127.0.0.1:9"})
    jobs.context = replace(jobs.context, settings=replace(jobs.context.settings, provider=plain))
    for said in (succeeded(result_url), task("FAILED"), task("CANCELED"), task("SUSPENDED")):
        job_id = jobs.rendering(poll_interval_ms=1000, poll_timeout_ms=2000)
        assert broken(rows) == set()
        while rows.job(job_id).next_poll_at is not None and rows.state(job_id) is RenderState.RENDERING:
            jobs.poll(said)
            assert broken(rows) == set()
        archive_render_job(jobs.context, job_id)
        assert broken(rows) == set()


def test_a_refused_and_a_waiting_job_break_nothing(jobs: Jobs, rows: Rows) -> None:
    jobs.provider.on_submit(refused(429, "Throttling"), refused(400, "InvalidParameter"), refused(500, "SystemError"))
    for _ in range(3):
        jobs.rendering()
        assert broken(rows) == set()
        jobs.clock.advance(2)
    jobs.queued()
    assert broken(rows) == set()
