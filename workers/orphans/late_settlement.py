"""Tasks of ours that succeeded after we had given them up: settled after all, and their results collected."""

from __future__ import annotations

from collections.abc import Iterable

import structlog
from sqlalchemy import select

from models.account import Account
from models.ledger_entry import EntryKind, LedgerEntry
from models.operations.money.ledger import post_charges
from models.operations.scheduling.poll_wakeups import wake_for
from models.provider_task import ProviderTask
from models.render_job import RenderJob
from reelqueue.states import COLLECTABLE, RenderState, TaskStatus
from workers.reconciliation.found_usage import store_and_charge
from workers.reconciliation.task_list import Located, query_task
from workers.runtime.context import Context
from workers.submission.known_tasks import is_stored

log = structlog.get_logger(__name__)


def settle_late_successes(context: Context, account: Account, listed: Iterable[Located]) -> int:
    """Settle what the list shows as SUCCEEDED and our ledger does not, such as the tasks of lost jobs.

    The settlement takes a write-off back; what tells no usage is asked for it first. The result is fetched, as it was
    paid for, where its job waits for one.

    Args:
        context: The outside world.
        account: Whose tasks.
        listed: Its list.

    Returns:
        How many were settled, or are asked for their usage now.
    """
    done = [one.task.provider_task_id for one in listed if one.task.status == TaskStatus.SUCCEEDED]
    settled = select(LedgerEntry.id).where(
        LedgerEntry.provider_task_id == ProviderTask.id, LedgerEntry.kind == EntryKind.SETTLE
    )
    forgotten = (
        select(ProviderTask)
        .join(RenderJob, RenderJob.id == ProviderTask.job_id)
        .where(
            ProviderTask.account_id == account.id,
            RenderJob.next_poll_at.is_(None),  # what is still followed is settled by its poll
            ~settled.exists(),
        )
    )
    with context.sessions() as session:
        tasks = list(session.scalars(forgotten.where(is_stored(session, done))))
    return sum(_settle(context, account, task) for task in tasks)


def _settle(context: Context, account: Account, task: ProviderTask) -> bool:
    answer = query_task(context, account, task.base_url, task.provider_task_id)
    if answer is None or answer.status != TaskStatus.SUCCEEDED:
        return False
    with context.sessions.begin() as session:
        now = context.clock.now(session)
        job = session.get_one(RenderJob, task.job_id, with_for_update=True)
        fetch = answer.result_url is not None and _is_wanted(job)
        if fetch:
            job.next_archive_at = now
        mine = session.get_one(ProviderTask, task.id)
        charges, next_poll = store_and_charge(session, job, mine, answer, context.settings, now=now)
        session.flush()
        post_charges(session, charges, now=now)
        wake = wake_for(session, next_poll)
    log.warning("provider_task.settled_late", job_id=str(task.job_id), provider_task_id=task.provider_task_id,
                fetch=fetch, is_measured=next_poll is None)  # fmt: skip
    if wake is not None:
        context.hints.poll(wake, now=now)
    if fetch:
        context.hints.archive(task.job_id, job.model)
    return True


def _is_wanted(job: RenderJob) -> bool:
    """Whether a result still ends its job."""
    is_abandoned = job.state is RenderState.TIMED_OUT and job.on_timeout == "abandon"
    return job.state in COLLECTABLE and not is_abandoned
