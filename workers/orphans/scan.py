"""Orphans: tasks that the provider lists, and bills, and that no job here asked for.

Another program with the same key makes them, or a submit that was paid for twice. Once an hour, and when beat starts,
the lists of all accounts are compared with the database:

===================================  ==============================================================
a listed task that is not ours and   then
===================================  ==============================================================
may be an undecided attempt's        left to reconciliation, or to the operator who reviews its job;
                                     then it is noted and its file is kept, as both will be gone;
                                     one that no job has taken when the review is settled goes on
                                     as if it were still listed
is younger than a submit takes       left for the next time
FAILED or CANCELED                   counted: it costs nothing
SUCCEEDED                            adopted as a job of its own: settled, archived; the write-off of a
                                     job that may have made it is taken back
anything else                        reported; adopted when it has succeeded
===================================  ==============================================================

A task of ours that was given up, and that the list shows as SUCCEEDED, is settled on the way.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Final

import structlog
from sqlalchemy import select, update

from models.account import Account
from models.found_task import FoundTask
from models.operations.scheduling.submit_gates import read_openings
from models.provider_task import ProviderTask
from models.storage import StorageError
from reelqueue.errors import ConfigurationError
from reelqueue.schemas.statement import money_text
from reelqueue.states import UNBILLED, TaskStatus
from workers.archive.found_files import forget_delivered
from workers.dashscope import MOST_OFFSET, ListedTask, ProviderError
from workers.dashscope.limits import LONGEST_WINDOW
from workers.orphans.adoption import Orphan, adopt_orphan
from workers.orphans.late_settlement import settle_late_successes
from workers.reconciliation.found_tasks import answer_of, located, note_found, noted_successes
from workers.reconciliation.task_list import Located, hosts_of, list_account, listed_window
from workers.reconciliation.unresolved_attempts import may_own, unresolved_attempts
from workers.recovery.gates import open_gates
from workers.runtime.context import Context
from workers.runtime.provider_clock import clock_range
from workers.settings import Settings
from workers.submission.known_tasks import is_stored

log = structlog.get_logger(__name__)

# Each is asked about; the rest waits for the next time.
_ADOPTED_AT_ONCE: Final = 300
_FORGOTTEN_AT_ONCE: Final = 1000
"""Each is a question to the archive."""
_NAMED: Final = 20


@dataclass
class OrphanScan:
    """Result of comparing one account's task list with our database."""

    account: str
    listed: int = 0
    orphans: list[Orphan] = field(default_factory=list)
    """Tasks of no job that were billed, or will be."""
    unbilled: int = 0
    """Tasks of no job that failed or were cancelled."""
    undecided: int = 0
    """Tasks that may be an undecided attempt's, or a submit's whose answer is just arriving."""
    settled: int = 0
    """Tasks of ours that were given up, and are settled now."""
    problem: str | None = None
    """Why the account could not be looked at."""

    def __str__(self) -> str:
        if self.problem:
            return f"account={self.account} problem={self.problem}"
        adopted = sum(orphan.job_id is not None for orphan in self.orphans)
        return (
            f"account={self.account} listed={self.listed} orphans={len(self.orphans)} adopted={adopted} "
            f"unbilled={self.unbilled} undecided={self.undecided} settled={self.settled}"
        )


def scan_for_orphans(context: Context, *, window: timedelta = LONGEST_WINDOW) -> list[OrphanScan]:
    """Compare the provider's task lists with our database, account by account, and adopt orphans.

    Args:
        context: The outside world.
        window: How far back.
    """
    forget_delivered(context, limit=_FORGOTTEN_AT_ONCE)
    open_gates(context)  # what a restored database has forgotten goes to its jobs first
    with context.sessions() as session:
        accounts = list(session.scalars(select(Account).order_by(Account.name)))
        now = context.clock.now(session)
    _forget_old_submits(context, now)
    return [_look(context, account, window) for account in accounts]


def _forget_old_submits(context: Context, now: datetime) -> None:
    try:
        context.journal.forget_old(now)
    except StorageError as error:
        log.warning("journal.not_shortened", reason=str(error))


def _look(context: Context, account: Account, window: timedelta) -> OrphanScan:
    look = OrphanScan(account.name)
    with context.sessions() as session:
        now = context.clock.now(session)
        openings = read_openings(session, now)
        if account.id not in openings.open_gates:
            gate = openings.closed_gates.get(account.id)
            look.problem = f"its gate is closed: {gate.reason if gate else 'it was not compared yet'}"
            return look
        held = {task_id for ids in openings.open_gates[account.id].held_tasks.values() for task_id in ids}
        clocks = clock_range(session, account.id, context.settings.reconcile)
        since, until = listed_window(now, window, clocks)
        hosts = hosts_of(session, account, since=now - LONGEST_WINDOW)
    try:
        listed = list_account(context, account, hosts, since=since, until=until)
    except (ProviderError, ConfigurationError) as error:
        look.problem = error.summary if isinstance(error, ProviderError) else str(error)
        log.warning("orphans.unreadable", account=account.name, problem=look.problem)
        return look
    if listed.flaw is not None:  # what it shows exists all the same, and the rest is seen the next time
        log.warning("orphans.list_not_whole", account=account.name, problem=listed.flaw)
    look.listed = len(listed.tasks)
    look.settled = settle_late_successes(context, account, listed.tasks.values())
    with context.sessions() as session:
        noted = noted_successes(session, account.id)
    strays = _strays(context, account, listed.tasks, noted, held, look)
    look.orphans = [
        _adopt(context, account, one, number, noted.get(one.task.provider_task_id)) for number, one in enumerate(strays)
    ]
    _report(context, account, look)
    return look


def _strays(
    context: Context,
    account: Account,
    listed: dict[str, Located],
    noted: dict[str, FoundTask],
    held: set[str],
    look: OrphanScan,
) -> list[Located]:
    """The tasks, listed or noted, that no job here can have submitted, and that are billed or will be."""
    known = {task_id: located(row) for task_id, row in noted.items()} | listed
    with context.sessions() as session:
        # Read after the list: what made a listed task is on record by now, however new it is.
        ours = set(session.scalars(select(ProviderTask.provider_task_id).where(is_stored(session, known))))
        doubts = unresolved_attempts(session, context.settings.reconcile)
        clocks = clock_range(session, account.id, context.settings.reconcile)
        now = context.clock.now(session) + clocks.low - clocks.allowance
    strays = [one for task_id, one in known.items() if task_id not in ours]
    open_ones = [
        one
        for one in strays
        if one.task.provider_task_id in held or _is_young(one.task, context.settings, now) or may_own(one, doubts)
    ]
    rest = [one for one in strays if one not in open_ones]
    look.undecided = len(open_ones)
    under_review = [doubt for doubt in doubts if doubt.is_under_review]
    listed_ones = [one for one in open_ones if one.task.provider_task_id in listed]
    note_found(context, account, [one for one in listed_ones if may_own(one, under_review)])
    look.unbilled = sum(one.task.status in UNBILLED for one in rest)
    return [one for one in rest if one.task.status not in UNBILLED]


def _is_young(task: ListedTask, settings: Settings, now: datetime) -> bool:
    """Whether a submit that made it may still be waiting for its answer.

    Args:
        task: What the list shows.
        settings: How long a submit takes at most.
        now: The earliest that it can be by the provider's clock.
    """
    rules = settings.submit
    longest = rules.send_within_seconds + rules.post_seconds + rules.settle_within_seconds
    return task.created_at is not None and -MOST_OFFSET < now - task.created_at < timedelta(seconds=longest)


def _adopt(context: Context, account: Account, one: Located, number: int, noted: FoundTask | None) -> Orphan:
    orphan = Orphan.of(one)
    wanted = context.settings.provider.orphans == "adopt" and number < _ADOPTED_AT_ONCE
    if not wanted or one.task.status != TaskStatus.SUCCEEDED:
        return orphan
    return adopt_orphan(context, account, orphan, noted=answer_of(noted) if noted else None)


def _report(context: Context, account: Account, look: OrphanScan) -> None:
    left = [orphan.provider_task_id for orphan in look.orphans if orphan.job_id is None]
    with context.sessions.begin() as session:
        seen = update(Account).where(Account.id == account.id)
        session.execute(seen.values(orphan_task_ids=left, orphans_seen_at=context.clock.now(session)))
    if look.orphans:
        log.error("orphans.found", account=account.name, count=len(look.orphans), adopted=len(look.orphans) - len(left),
                  billed=billed(look.orphans),
                  provider_task_ids=[orphan.provider_task_id for orphan in look.orphans[:_NAMED]],
                  remedy="find out who else uses the key; python -m workers adopt shows them")  # fmt: skip


def billed(orphans: Iterable[Orphan]) -> str:
    """The cost of orphans by currency, as text."""
    totals: dict[str, Decimal] = {}
    for orphan in orphans:
        if orphan.amount is not None and orphan.currency is not None:
            totals[orphan.currency] = totals.get(orphan.currency, Decimal(0)) + orphan.amount
    return (
        " ".join(f"{money_text(amount)} {currency}" for currency, amount in sorted(totals.items()))
        or "an unknown amount"
    )
