"""``control.report``: one line of the record, and an error while something needs an operator."""

from __future__ import annotations

from datetime import timedelta
from decimal import Decimal
from pathlib import Path

import pytest

from models import Account, DailySpending, RenderJob, SubmitGate
from models.tenant import ensure_tenant
from reelqueue.states import RenderState
from tests.support.jobs import Jobs
from tests.support.journals import journaling
from tests.support.rows import Rows
from tests.support.stored_jobs import store_job
from workers.operator.record.report import NeedsOperatorError, report_record
from workers.tasks.control import report_task


def reasons_of(jobs: Jobs) -> str:
    """What needs an operator."""
    with pytest.raises(NeedsOperatorError) as raised:
        report_record(jobs.context)
    return str(raised.value)


def test_a_healthy_record_is_one_line(jobs: Jobs) -> None:
    jobs.queued()
    jobs.rendering()
    with jobs.context.sessions.begin() as session:
        account_id, tenant_id = session.query(Account).one().id, ensure_tenant(session)
        today = jobs.clock.now().date()
        spent = {"day": today, "tenant_id": tenant_id, "account_id": account_id, "currency": "USD"}
        session.add(DailySpending(**spent, amount=Decimal("12.50")))

    line = str(report_record(jobs.context))

    # Dispatch gave both of them slots; one of them was submitted.
    assert line == "queued=0 in_flight=1 overdue=0s archive=0 review=0 paused=none spent_today=12.50USD"


def test_a_paused_account_ends_it_as_a_failure_with_the_remedy(jobs: Jobs, rows: Rows) -> None:
    rows.change(Account, paused_at=jobs.clock.now(), paused_reason="Arrearage: pay at https://example.test/bill")

    said = reasons_of(jobs)

    assert said.startswith(
        "account default: paused: Arrearage: pay at … -> fix it, then python -m workers accounts resume"
    )
    assert "paused=default" in said
    assert "https://" not in said


def test_a_journal_that_cannot_be_written_is_an_incident(jobs: Jobs, tmp_path: Path) -> None:
    tmp_path.joinpath("file").touch()
    jobs.context = journaling(jobs.context, tmp_path / "file")

    assert "nothing is submitted until it can be written" in reasons_of(jobs)


def test_a_job_under_review_names_the_command(jobs: Jobs) -> None:
    with jobs.context.sessions.begin() as session:
        store_job(session, RenderState.NEEDS_REVIEW)

    assert "1 job is under review -> python -m workers review list" in reasons_of(jobs)


def test_polls_that_no_worker_takes_name_the_worker(jobs: Jobs) -> None:
    jobs.rendering()
    jobs.clock.advance(600)

    assert "start a worker of the queue poll" in reasons_of(jobs)


@pytest.mark.parametrize(("minutes", "is_incident"), [(1, False), (6, True)])
def test_a_gate_is_an_incident_when_it_stays_shut(jobs: Jobs, rows: Rows, minutes: float, *, is_incident: bool) -> None:
    closed_at = jobs.clock.now() - timedelta(minutes=minutes)
    rows.change(SubmitGate, is_open=False, cause="restored", closed_at=closed_at, reason="an operator decides")

    if is_incident:
        assert "python -m workers recover" in reasons_of(jobs)
    else:
        assert report_record(jobs.context).review == 0


def test_what_a_producer_did_wrong_is_no_incident(jobs: Jobs) -> None:
    with jobs.context.sessions.begin() as session:
        store_job(session, RenderState.FAILED, failure_class="input", finished_at=jobs.clock.now())

    assert report_record(jobs.context).queued == 0


def test_celery_logs_no_traceback_of_it() -> None:
    assert NeedsOperatorError in report_task.throws


def test_no_prompt_is_in_it(jobs: Jobs, rows: Rows) -> None:
    secret = "a secret prompt"
    job_id = jobs.rendering(prompt=secret)
    rows.change(RenderJob, state=RenderState.NEEDS_REVIEW)

    said = reasons_of(jobs)

    assert secret not in said
    assert str(job_id) not in said
