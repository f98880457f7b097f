"""The steps of a render job."""

from __future__ import annotations

from uuid import UUID

from reelqueue import messages
from workers.app import app
from workers.archive.archive_result import archive_render_job
from workers.archive.found_files import keep_found_file
from workers.polling.poll_batch import poll_account
from workers.reconciliation.reconcile import reconcile_attempt
from workers.resources import context
from workers.submission.submit import submit_render_job


@app.task(name=messages.RENDER_SUBMIT)
def submit_task(job_id: str, epoch: int) -> str:
    """Send one job's paid POST."""
    return submit_render_job(context(), UUID(job_id), epoch)


# Acknowledged early: the lane's lease and the sweep bring a killed batch back sooner than the
# broker would.
@app.task(name=messages.RENDER_POLL, acks_late=False)
def poll_task(account_id: str, seq: int) -> str:
    """Ask about an account's due jobs, and schedule the next batch."""
    report = poll_account(context(), UUID(account_id), seq)
    return "replaced: nothing done" if report is None else str(report)


@app.task(name=messages.RENDER_RECONCILE)
def reconcile_task(attempt_id: str) -> str:
    """Ask the provider's listing about one ambiguous attempt."""
    return reconcile_attempt(context(), UUID(attempt_id))


@app.task(name=messages.RENDER_ARCHIVE)
def archive_task(job_id: str) -> str:
    """Fetch one job's result."""
    return archive_render_job(context(), UUID(job_id))


@app.task(name=messages.RENDER_KEEP)
def keep_task(found_task_id: str) -> str:
    """Fetch the result of one task that a job under review may have made."""
    return keep_found_file(context(), UUID(found_task_id))
