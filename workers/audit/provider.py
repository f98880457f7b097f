"""``python -m workers audit --provider``: our ledger against the provider's task list, and the simulator's bill.

What is still open on our side (a job that is followed, an undecided attempt) is left out: it will agree when it ends.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Any, Final

from sqlalchemy import and_, or_, select
from sqlalchemy.orm import Session

from models.account import Account
from models.ledger_entry import EntryKind, LedgerEntry
from models.provider_task import ProviderTask
from models.render_job import RenderJob
from reelqueue.errors import ConfigurationError
from reelqueue.states import TaskStatus
from workers.audit.check import Check, Finding
from workers.audit.simulator_bill import Bill, Charge, read_bill
from workers.dashscope import ProviderError
from workers.dashscope.limits import LONGEST_WINDOW
from workers.reconciliation.found_tasks import located, noted_successes
from workers.reconciliation.task_list import Located, hosts_of, list_account, listed_window
from workers.reconciliation.unresolved_attempts import UnresolvedAttempt, may_own, unresolved_attempts
from workers.runtime.context import Context
from workers.runtime.provider_clock import clock_range
from workers.submission.known_tasks import is_stored

Row = dict[str, Any]

READABLE: Final = Check("list_is_readable", "the provider lists the tasks of every account, and all of them", "")
OWNED: Final = Check(
    "listed_task_is_owned",
    "every task that the provider lists as SUCCEEDED, or listed so while a job was under review, has a job here",
    "",
)
SETTLED: Final = Check("listed_task_is_settled", "every task that it lists as SUCCEEDED is settled here", "")
LISTED: Final = Check("our_task_is_listed", "it lists every task that we know of, while it keeps them", "")
AGREES: Final = Check("statuses_agree", "a task that we follow no more has the status that the provider lists", "")
BILLED: Final = Check("bill_agrees", "the simulator billed every task as we settled it: seconds and amount", "")
TOTALS: Final = Check("totals_agree", "its totals by currency are ours", "")


@dataclass(frozen=True)
class Owned:
    """A provider task that our database has."""

    task: ProviderTask
    is_followed: bool
    settlement: LedgerEntry | None


@dataclass(frozen=True)
class Comparison:
    """One account's tasks here and at the provider."""

    account: Account
    since: datetime
    """The start of the list, by the provider's clock."""
    ours_since: datetime
    """What was bound from here on, by the database's clock, is within."""
    now: datetime
    listed: dict[str, Located]
    noted: dict[str, Located]
    """Tasks that were billed, and noted for a review, as the list showed them then."""
    flaw: str | None
    """Why the list may miss tasks; None: it is whole."""
    ours: dict[str, Owned]
    doubts: list[UnresolvedAttempt]
    bills: tuple[Bill, ...]
    """The simulator's, of each host that is one."""


def audit_provider(context: Context, *, window: timedelta = LONGEST_WINDOW) -> list[Finding]:
    """Compare every account; one finding per check, whose rows are what disagrees.

    Raises:
        workers.dashscope.wire.UnreadableError: The simulator's ledger cannot be read.
    """
    with context.sessions() as session:
        accounts = list(session.scalars(select(Account).order_by(Account.name)))
    rows: dict[str, list[Row]] = {check.name: [] for check in (READABLE, OWNED, SETTLED, LISTED, AGREES)}
    bills: dict[str, list[Row]] = {}
    for account in accounts:
        try:
            sides = _compare(context, account, window)
        except (ProviderError, ConfigurationError) as error:
            rows[READABLE.name].append({"account": account.name, "seen": str(error)})
            continue
        if sides.flaw is not None:
            rows[READABLE.name].append({"account": account.name, "seen": sides.flaw})
        rows[OWNED.name] += _unowned(sides)
        rows[SETTLED.name] += _unsettled(sides)
        rows[LISTED.name] += _unlisted(context, sides)
        rows[AGREES.name] += _disagreeing(sides)
        if sides.bills:
            bills.setdefault(BILLED.name, []).extend(_misbilled(sides))
            bills.setdefault(TOTALS.name, []).extend(_totals(sides))
    checks = (READABLE, OWNED, SETTLED, LISTED, AGREES, *((BILLED, TOTALS) if bills else ()))
    return [Finding(check, (rows | bills)[check.name]) for check in checks]


def _compare(context: Context, account: Account, window: timedelta) -> Comparison:
    with context.sessions() as session:
        now = context.clock.now(session)
        clocks = clock_range(session, account.id, context.settings.reconcile)
        since, until = listed_window(now, window, clocks)
        hosts = hosts_of(session, account, since=now - LONGEST_WINDOW)
    transport = context.settings.provider.http_transport
    # The bill first: what it says is listed by then.
    found = [context.host.run(read_bill(host, transport)) for host in hosts]
    listed = list_account(context, account, hosts, since=since, until=until)
    with context.sessions() as session:
        charged = (charge.provider_task_id for bill in found if bill for charge in bill.charges)
        ours_since = since - clocks.low + clocks.allowance
        noted = {task_id: located(row) for task_id, row in noted_successes(session, account.id).items()}
        ours = _ours(session, account, ours_since, {*listed.tasks, *noted, *charged})
        doubts = unresolved_attempts(session, context.settings.reconcile)
    bills = tuple(bill for bill in found if bill is not None)
    return Comparison(account, since, ours_since, now, listed.tasks, noted, listed.flaw, ours, doubts, bills)


def _ours(session: Session, account: Account, since: datetime, ids: Iterable[str]) -> dict[str, Owned]:
    settled = and_(LedgerEntry.provider_task_id == ProviderTask.id, LedgerEntry.kind == EntryKind.SETTLE)
    mine = and_(ProviderTask.account_id == account.id, ProviderTask.submitted_at >= since)
    rows = session.execute(
        select(ProviderTask, RenderJob.next_poll_at, LedgerEntry)
        .join(RenderJob, RenderJob.id == ProviderTask.job_id)
        .outerjoin(LedgerEntry, settled)
        .where(or_(mine, is_stored(session, ids)))
    )
    return {task.provider_task_id: Owned(task, next_at is not None, entry) for task, next_at, entry in rows}


def _unowned(sides: Comparison) -> Iterator[Row]:
    for task_id, one in (sides.noted | sides.listed).items():
        is_paid = one.task.status == TaskStatus.SUCCEEDED
        if is_paid and task_id not in sides.ours and not may_own(one, sides.doubts):
            yield _row(sides, task_id, model=one.task.model, made_at=one.task.created_at)


def _unsettled(sides: Comparison) -> Iterator[Row]:
    for task_id, one in sides.listed.items():
        owned = sides.ours.get(task_id)
        is_paid = one.task.status == TaskStatus.SUCCEEDED
        if is_paid and owned is not None and not owned.is_followed and owned.settlement is None:
            yield _row(sides, task_id, job_id=owned.task.job_id, our_status=owned.task.status)


def _unlisted(context: Context, sides: Comparison) -> Iterator[Row]:
    if sides.flaw is not None:
        return
    rules = context.settings.reconcile
    scale = max((bill.time_scale for bill in sides.bills), default=1.0)
    kept_since = sides.now - timedelta(hours=rules.evidence_hours) / scale
    # A task may take as long to appear in the list as two listings must be apart to rule it out.
    shown_by = sides.now - timedelta(seconds=rules.absent_seconds)
    for task_id, owned in sides.ours.items():
        task = owned.task
        is_due = max(sides.ours_since, kept_since) <= task.submitted_at <= shown_by
        if is_due and task.account_id == sides.account.id and task_id not in sides.listed:
            yield _row(sides, task_id, job_id=task.job_id, our_status=task.status)


def _disagreeing(sides: Comparison) -> Iterator[Row]:
    for task_id, one in sides.listed.items():
        owned = sides.ours.get(task_id)
        if owned is not None and not owned.is_followed and owned.task.status != one.task.status:
            yield _row(sides, task_id, job_id=owned.task.job_id, our_status=owned.task.status, listed=one.task.status)


def _misbilled(sides: Comparison) -> Iterator[Row]:
    charges, settlements = _charges(sides), _settlements(sides)
    for task_id in charges.keys() | settlements.keys():
        charge, entry = charges.get(task_id), settlements.get(task_id)
        billed = None if charge is None else (charge.seconds, charge.amount, charge.currency)
        settled = None if entry is None else (entry.seconds, entry.amount, entry.currency)
        if billed != settled:
            yield _row(sides, task_id, billed=_said(billed), settled=_said(settled))


def _totals(sides: Comparison) -> Iterator[Row]:
    theirs = _sums((charge.amount, charge.currency) for charge in _charges(sides).values())
    ours = _sums((entry.amount, entry.currency) for entry in _settlements(sides).values())
    for currency in sorted(theirs.keys() | ours.keys()):
        billed, settled = theirs.get(currency, Decimal(0)), ours.get(currency, Decimal(0))
        if billed != settled:
            yield {"account": sides.account.name, "currency": currency, "billed": billed, "settled": settled}


def _charges(sides: Comparison) -> dict[str, Charge]:
    """What the simulator billed this account for, but for what is still open here."""
    every = [charge for bill in sides.bills for charge in bill.charges]
    names = {charge.account for charge in every if _is_mine(sides, charge.provider_task_id)}
    return {
        charge.provider_task_id: charge
        for charge in every
        if charge.account in names and (charge.settled_at >= sides.since or charge.provider_task_id in sides.ours)
        if not _is_open(sides, charge.provider_task_id)
    }


def _is_mine(sides: Comparison, task_id: str) -> bool:
    owned = sides.ours.get(task_id)
    return task_id in sides.listed if owned is None else owned.task.account_id == sides.account.id


def _is_open(sides: Comparison, task_id: str) -> bool:
    owned, one = sides.ours.get(task_id), sides.listed.get(task_id)
    if owned is not None:
        return owned.is_followed and owned.settlement is None
    return one is not None and may_own(one, sides.doubts)


def _settlements(sides: Comparison) -> dict[str, LedgerEntry]:
    mine = {task_id: owned.settlement for task_id, owned in sides.ours.items() if _is_mine(sides, task_id)}
    return {task_id: entry for task_id, entry in mine.items() if entry is not None}


def _sums(amounts: Iterable[tuple[Decimal | None, str | None]]) -> dict[str, Decimal]:
    totals: dict[str, Decimal] = {}
    for amount, currency in amounts:
        if amount is not None and currency is not None:
            totals[currency] = totals.get(currency, Decimal(0)) + amount
    return totals


def _said(cost: tuple[Decimal | None, Decimal | None, str | None] | None) -> str | None:
    return None if cost is None else f"{cost[0]} s, {cost[1]} {cost[2]}"


def _row(sides: Comparison, task_id: str, **more: object) -> Row:
    return {"account": sides.account.name, "provider_task_id": task_id, **more}
