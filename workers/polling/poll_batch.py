"""Polling: one bounded batch of queries per account, which reschedules itself by countdown.

The batch takes the account's lane, asks the provider about each job whose ``next_poll_at`` has come,
writes the answers, and sends itself a new message for the next due poll. One poller per account is
also the account's query limiter. Each job's interval and timeout are honoured in its row::

    submit accepted   poll 1        poll 2                      deadline: last poll, then timed_out
    t = 0             interval      2 intervals      …         timeout
"""

from __future__ import annotations

import asyncio
import contextlib
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from uuid import UUID

import structlog
from sqlalchemy import ColumnElement, select, true, update
from sqlalchemy.orm import Session, aliased

from models.account import Account
from models.ledger_entry import EntryKind, LedgerEntry
from models.operations.accounts import pause_account
from models.operations.jobs.newest_task import newest_task
from models.operations.scheduling.poll_wakeups import Wake, holds_lane, lease_left, leave_lane, take_lane
from models.operations.scheduling.provider_rate_limits import next_turn_at, take_turns
from models.provider_task import ProviderTask
from models.rate_limit import TurnKind
from models.render_job import RenderJob
from models.slot import Slot
from reelqueue.errors import ConfigurationError
from workers.dashscope import DashScope, NotSentError, ProviderError, TaskAnswer
from workers.failpoints import Failpoint, failpoint
from workers.polling.apply_answers import Asked, Effects, apply_answers
from workers.polling.decisions import DuePoll, Outcome, PollRules, decide_poll
from workers.polling.denied_tasks import look_for_denied
from workers.polling.misnamed_tasks import find_misnamed
from workers.polling.settlement import put_off_usage, settle_set_aside
from workers.quarantine.poison_detection import count_death, quarantine_job, third_try_at
from workers.runtime.context import Context
from workers.settings import Settings

log = structlog.get_logger(__name__)

Rows = list[tuple[RenderJob, ProviderTask]]


@dataclass(frozen=True)
class Batch:
    """A lane taken, and what is due on it."""

    account: Account
    lease_until: datetime
    began_at: datetime
    due: tuple[DuePoll, ...]
    first_turn_at: datetime
    """When the first question may be sent; the others follow at the account's pace."""


@dataclass(frozen=True)
class Report:
    """What a batch did; its text is what Flower shows."""

    account: str
    due: int = 0
    finished: int = 0
    next_seconds: float | None = None

    def __str__(self) -> str:
        next_wake = "none" if self.next_seconds is None else f"{max(self.next_seconds, 0):.1f}s"
        return f"account={self.account} due={self.due} finished={self.finished} next={next_wake}"


def poll_account(context: Context, account_id: UUID, seq: int) -> Report | None:
    """Run one batch of an account's polls.

    Args:
        context: The outside world.
        account_id: The account.
        seq: Number of the message that called; any but the valid one does nothing.

    Returns:
        What was done, or None if another message or another batch has the lane.
    """
    batch = _take(context, account_id, seq)
    if batch is None:
        return None
    failpoint(Failpoint.POLLING)
    asked = context.host.run(_ask_all(context, batch)) if batch.due else []
    asked = look_for_denied(context, batch.account, asked, rules_of(context.settings))
    misnamed = find_misnamed(context, [(one.due, one.answer) for one in asked])
    asked = [replace(one, is_misnamed=one.due.task_row_id in misnamed) for one in asked]
    return _write(context, batch, asked)


def _take(context: Context, account_id: UUID, seq: int) -> Batch | None:
    settings = context.settings.poll
    with context.sessions.begin() as session:
        now = context.clock.now(session)
        lease = timedelta(seconds=settings.lease_seconds)
        left_until = lease_left(session, account_id, seq, now=now)
        if left_until is not None:  # before the lane: it locks jobs and campaigns
            _blame(session, account_id, left_until - lease, context.settings, now)
        lease_until = take_lane(session, account_id, seq, now=now, lease=lease)
        if lease_until is None:
            session.rollback()  # another batch was quicker, and has counted the deaths
            return None
        account = session.get_one(Account, account_id)
        watch = timedelta(hours=settings.watch_hours)
        per_second = context.settings.provider.query_rate_per_second
        first_turn_at = next_turn_at(session, account_id, TurnKind.QUERY, now=now)
        # Its questions leave within a third of its lease, or it gives the lane back and comes again.
        may_take = lease / 3
        limit = min(settings.batch_size, max(int(may_take.total_seconds() * per_second), 1))
        rows = _due(session, account_id, now, limit) if first_turn_at - now <= may_take else []
        held = set(session.scalars(select(Slot.job_id).where(Slot.job_id.in_([job.id for job, _ in rows]))))
        settled = _settled(session, [task.id for job, task in rows if job.id not in held])
        due = tuple(
            DuePoll.of(
                job,
                task,
                watch=watch,
                spacing=context.pacing.of(session, account, job, settings.finest_seconds, now),
                has_slot=job.id in held,
                is_settled=task.id in settled,
            )
            for job, task in rows
        )
        if due:
            first_turn_at = take_turns(session, account_id, TurnKind.QUERY, len(due), now=now, per_second=per_second)
        return Batch(account, lease_until, now, due, first_turn_at)


def _settled(session: Session, task_row_ids: list[UUID]) -> set[UUID]:
    """The tasks that are over and paid."""
    if not task_row_ids:
        return set()
    entry = LedgerEntry
    found = select(entry.provider_task_id).where(
        entry.provider_task_id.in_(task_row_ids), entry.kind == EntryKind.SETTLE
    )
    return {task_row_id for task_row_id in session.scalars(found) if task_row_id is not None}


def _blame(session: Session, account_id: UUID, began_at: datetime, settings: Settings, now: datetime) -> None:
    """Count a death for each job of a batch that never came back."""
    lease, during = timedelta(seconds=settings.poll.lease_seconds), "asking the provider"
    job_ids = [job.id for job, _ in _due(session, account_id, began_at, settings.poll.batch_size)]
    deaths_by_job = {job_id: count_death(session, job_id, during=during, now=now) for job_id in job_ids}
    for job_id, deaths in deaths_by_job.items():  # all are locked by now, as a settlement locks campaigns
        if deaths < settings.celery.death_limit:
            if again_at := third_try_at(now, lease, deaths):
                session.execute(update(RenderJob).where(RenderJob.id == job_id).values(next_poll_at=again_at))
        elif not put_off_usage(session, job_id, now=now):
            quarantine_job(session, job_id, deaths, during=during, now=now)
            settle_set_aside(session, job_id, now=now)


def _due(session: Session, account_id: UUID, now: datetime, limit: int) -> Rows:
    """One job whose workers have died, alone; or as many others as a batch holds."""
    return _rows(session, account_id, now, 1, RenderJob.death_count > 0) or _rows(session, account_id, now, limit)


def _rows(session: Session, account_id: UUID, now: datetime, limit: int, *only: ColumnElement[bool]) -> Rows:
    newest = newest_task(RenderJob.id).lateral()
    task = aliased(ProviderTask, newest)
    rows = session.execute(
        select(RenderJob, task)
        .join(newest, true())
        .where(RenderJob.account_id == account_id, RenderJob.next_poll_at <= now, *only)
        .order_by(RenderJob.next_poll_at)
        .limit(limit)
        .execution_options(populate_existing=True)
    )
    return [(job, found) for job, found in rows]


async def _ask_all(context: Context, batch: Batch) -> list[Asked]:
    """Ask about each, the questions spaced at the account's pace and their answers awaited together."""
    spacing = 1 / context.settings.provider.query_rate_per_second
    wait_seconds = (batch.first_turn_at - batch.began_at).total_seconds()
    async with contextlib.AsyncExitStack() as stack:
        clients: dict[str, DashScope] = {}
        try:
            for base_url in {due.base_url for due in batch.due}:
                opened = context.provider(batch.account, base_url=base_url, is_paced=False)
                clients[base_url] = await stack.enter_async_context(opened)
        except ConfigurationError as error:
            log.warning("poll.no_key", account=batch.account.name, error=str(error))
            return [Asked(due, batch.began_at, NotSentError(str(error))) for due in batch.due]

        async def ask(position: int, due: DuePoll) -> Asked:
            delay_seconds = wait_seconds + position * spacing
            await asyncio.sleep(delay_seconds)
            # As planned: a question that leaves later than this is at worst asked once more.
            at = batch.began_at + timedelta(seconds=delay_seconds)
            return Asked(due, at, await _ask(clients[due.base_url], due, at))

        asked = await asyncio.gather(*(ask(position, due) for position, due in enumerate(batch.due)))
    for due in batch.due:
        failpoint(Failpoint.ASKED, due.job_id)
    return asked


async def _ask(provider: DashScope, due: DuePoll, now: datetime) -> TaskAnswer | ProviderError:
    if due.wants_cancel(now):
        try:
            await provider.cancel(due.provider_task_id)
        except ProviderError as error:
            # Usually: it is not PENDING any more. The query that follows says what it is instead.
            log.info("provider_task.not_cancelled", job_id=str(due.job_id), error=error.summary)
        failpoint(Failpoint.CANCELLING)
    try:
        return await provider.get(due.provider_task_id)
    except ProviderError as error:
        return error


def _write(context: Context, batch: Batch, asked: list[Asked]) -> Report | None:
    """Store the answers, leave the lane and hint at what follows."""
    settings = context.settings
    rules = rules_of(settings)
    outcomes = [(one, _decide(one, rules)) for one in asked]
    with context.sessions.begin() as session:
        now = context.clock.now(session)
        if not holds_lane(session, batch.account.id, batch.lease_until):
            log.warning("poll.too_late", account=batch.account.name, due=len(batch.due))
            return None
        _pause(session, batch.account, outcomes, now)
        effects = apply_answers(session, outcomes, now=now)
        pace = timedelta(seconds=1 / settings.provider.query_rate_per_second)
        not_before = now + pace if batch.due else max(now + pace, batch.first_turn_at)
        wake = leave_lane(session, batch.account.id, batch.lease_until, not_before=not_before)
    _hint(context, effects, wake, now)
    next_seconds = None if wake is None else (wake.at - now).total_seconds()
    return Report(batch.account.name, len(batch.due), effects.finished_count, next_seconds)


def _decide(one: Asked, rules: PollRules) -> Outcome:
    return decide_poll(one.due, one.answer, one.at, rules, is_missing=one.is_missing, is_misnamed=one.is_misnamed)


def _pause(session: Session, account: Account, outcomes: list[tuple[Asked, Outcome]], now: datetime) -> None:
    """Pause an account that the provider refuses; before jobs are locked, as dispatchers take accounts first."""
    reasons = (outcome.pause for asked, outcome in outcomes if asked.due.base_url == account.base_url)
    reason = next((reason for reason in reasons if reason), None)
    if reason is not None:
        pause_account(session, account.id, reason, now=now)


def rules_of(settings: Settings) -> PollRules:
    """The settings that decisions depend on."""
    return PollRules(
        late_interval=timedelta(seconds=settings.poll.late_interval_seconds),
        unknown_limit=settings.poll.unknown_limit,
        unknown_age=timedelta(seconds=settings.poll.unknown_seconds),
        fault_limit=settings.submit.fault_retries,
        fault_backoff=settings.submit.fault_backoff,
    )


def _hint(context: Context, effects: Effects, wake: Wake | None, now: datetime) -> None:
    failpoint(Failpoint.POLLED)
    for job_id, model in effects.to_fetch:
        context.hints.archive(job_id, model)
    if wake is not None:
        context.hints.poll(wake, now=now)
    if effects.finished_count:
        context.hints.dispatch()
