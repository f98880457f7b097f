"""A double payment that an operator has explained breaks the audit no more, and the next one does."""

from __future__ import annotations

from uuid import UUID

import pytest
from sqlalchemy import text

from reelqueue.errors import ReelqueueError
from tests.support.jobs import Jobs
from tests.support.rows import Rows
from tests.support.scripted_provider import succeeded
from workers.audit.invariants import PAYMENTS_ARE_SINGLE, audit
from workers.operator.double_payments import PaidOnceError, explain


@pytest.fixture
def paid(jobs: Jobs) -> UUID:
    """A job that was paid for once."""
    job_id = jobs.rendering()
    jobs.poll(succeeded())
    return job_id


def pay_again(rows: Rows, job_id: UUID) -> None:
    """Make the provider's bill have one more task of a job, settled as the first."""
    with rows.sessions.begin() as session:
        session.execute(
            text("""
            WITH attempt AS (
              INSERT INTO attempts (id, job_id, number, account_id, base_url, state, epoch, spec_sha256, send_by,
                                    listing_count)
              SELECT gen_random_uuid(), job_id, number + 1, account_id, base_url, state, epoch, spec_sha256, send_by, 0
              FROM attempts WHERE job_id = :job ORDER BY number DESC LIMIT 1 RETURNING *),
            task AS (
              INSERT INTO provider_tasks (id, job_id, attempt_id, account_id, base_url, provider_task_id, status,
                                          submitted_at, billed_seconds)
              SELECT gen_random_uuid(), job_id, id, account_id, base_url, id, 'SUCCEEDED', now(), 5 FROM attempt
              RETURNING *)
            INSERT INTO ledger_entries (at, kind, campaign_id, job_id, account_id, provider_task_id, seconds, amount,
                                        currency)
            SELECT now(), 'settle', j.campaign_id, j.id, t.account_id, t.id, 5, 0.5, 'USD'
            FROM task t JOIN render_jobs j ON j.id = t.job_id"""),
            {"job": job_id},
        )


def findings(rows: Rows) -> dict[str, bool]:
    """What the audit finds, and whether it is broken by it."""
    with rows.sessions() as session:
        return {finding.check.name: finding.is_broken for finding in audit(session) if finding.rows}


def test_an_explained_double_payment_is_a_warning_that_names_who_said_why(jobs: Jobs, rows: Rows, paid: UUID) -> None:
    pay_again(rows, paid)
    assert findings(rows) == {"one_paid_task_per_job": True}

    with rows.sessions.begin() as session:
        assert explain(session, paid, by="Ada", why="two listings missed it", now=jobs.clock.now()) == 2

    assert findings(rows) == {PAYMENTS_ARE_SINGLE.name: False}
    with rows.sessions() as session:
        (warning,) = [one for one in audit(session) if one.rows]
    assert {name: str(value) for name, value in warning.rows[0].items()} == {
        "job_id": str(paid),
        "at": str(jobs.clock.now()),
        "paid": "2",
        "by": "Ada",
        "why": "two listings missed it",
    }


def test_a_further_payment_breaks_the_audit_again(jobs: Jobs, rows: Rows, paid: UUID) -> None:
    pay_again(rows, paid)
    with rows.sessions.begin() as session:
        explain(session, paid, by="Ada", why="two listings missed it", now=jobs.clock.now())

    pay_again(rows, paid)

    assert findings(rows)["one_paid_task_per_job"]


def test_what_was_paid_once_needs_no_explanation(jobs: Jobs, rows: Rows, paid: UUID) -> None:
    with pytest.raises(PaidOnceError, match="1 paid tasks"), rows.sessions.begin() as session:
        explain(session, paid, by="Ada", why="why not", now=jobs.clock.now())


@pytest.mark.parametrize(("by", "why"), [("", "two listings missed it"), ("Ada", " ")])
def test_an_explanation_has_a_name_and_a_reason(jobs: Jobs, rows: Rows, paid: UUID, by: str, why: str) -> None:
    pay_again(rows, paid)

    with pytest.raises(ReelqueueError, match="must say something"), rows.sessions.begin() as session:
        explain(session, paid, by=by, why=why, now=jobs.clock.now())

    assert findings(rows) == {"one_paid_task_per_job": True}
