"""The submits that the journal has and the database has not: what a database that went back in time has forgotten.

=========================================  ===============================================================
the last submit of a job, by the journal   then
=========================================  ===============================================================
is on record                               the database knows as much as the journal
has a task, and the job waits              the job follows that task
has none, and the job waits                the provider's list is searched; else an operator decides
and the job is at the provider, by an      the job's model is held until that has ended: it may come back to
earlier submit of its own                  the queue, and its later task is paid for
and the job has ended                      nothing would be submitted again
and there is no such job                   it was enqueued after the backup: its task is no other job's
=========================================  ===============================================================
"""

from __future__ import annotations

from collections.abc import Collection, Iterable
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Final
from uuid import UUID

from sqlalchemy import ARRAY, Uuid, any_, literal, select
from sqlalchemy.orm import Session

from models.account import Account
from models.attempt import Attempt
from models.render_job import RenderJob
from models.submit_gate import SubmitGate
from reelqueue.states import UNSENT, RenderState
from workers.reconciliation.competing_attempts import MAKERS
from workers.recovery.journal_coverage import JournalCoverage, coverage_of, newest_submits
from workers.runtime.context import Context
from workers.runtime.submit_journal import JournaledSubmit

_MARGIN: Final = timedelta(days=1)
"""A database's clock may have been another one's."""


@dataclass(frozen=True)
class ForgottenSubmits:
    """Those of one account, each its job's last."""

    waiting: list[JournaledSubmit] = field(default_factory=list)
    """Their jobs would be submitted again."""
    busy: list[JournaledSubmit] = field(default_factory=list)
    """Their jobs are at the provider by an earlier submit."""
    gone: list[JournaledSubmit] = field(default_factory=list)
    """Their jobs were enqueued after the backup."""
    task_ids: frozenset[str] = frozenset()
    """Tasks of forgotten submits of all accounts: whose they are is known."""
    missing_accounts: list[str] = field(default_factory=list)
    """Accounts that the database does not have, and at which its jobs were submitted."""
    is_whole: bool = False
    """Whether the journal has each submit of this database's past, as far as it can be told."""

    @property
    def are_any(self) -> bool:
        """Whether they show that the database went back in time."""
        return bool(self.waiting or self.busy or self.missing_accounts)


def read_forgotten(context: Context, account: Account, gate: SubmitGate) -> ForgottenSubmits:
    """Compare the journal with the database.

    Args:
        context: The outside world.
        account: Whose submits.
        gate: Of the account.

    Raises:
        StorageError: The journal cannot be read.
    """
    if context.journal.place is None:
        return ForgottenSubmits()
    with context.sessions() as session:
        newest = newest_submits(session)
        since = _since(session, gate, newest.values(), context.clock.now(session))
    # Before the rows: what is noted was committed first, so that a submit of just now is found there.
    journaled = context.journal.read(since)
    coverage = coverage_of(context.journal, newest, journaled)
    with context.sessions() as session:
        return _compare(session, account, gate, journaled.submits, coverage)


def _since(session: Session, gate: SubmitGate, newest: Iterable[datetime], now: datetime) -> datetime:
    """From where on the journal may have what the database has not, and has what shows that it is whole.

    Of an account that was never opened that is since its oldest job: all that is kept would be a quarter of a year,
    read when an account is added.
    """
    known = gate.known_until
    if known is None:
        waiting = select(RenderJob.created_at).where(RenderJob.state.in_(MAKERS))
        known = session.scalars(waiting.order_by(RenderJob.created_at).limit(1)).first() or now
    return min([known, *newest]) - _MARGIN


def _compare(
    session: Session,
    account: Account,
    gate: SubmitGate,
    submits: dict[UUID, JournaledSubmit],
    coverage: JournalCoverage,
) -> ForgottenSubmits:
    known = _known(session, submits)
    unknown = {one: submit for one, submit in submits.items() if one not in known}
    last = [submit for submit in _last(submits.values()) if submit.attempt_id in unknown]
    last = [submit for submit in last if submit.provider_task_id not in gate.foreign_task_ids]
    states = _states(session, [submit.job_id for submit in last])
    accounts = set(session.scalars(select(Account.name)))
    maybe_again = [submit for submit in last if states.get(submit.job_id) in MAKERS]
    mine = [submit for submit in last if submit.account == account.name]
    return ForgottenSubmits(
        waiting=[one for one in mine if states.get(one.job_id) in UNSENT],
        busy=[one for one in mine if states.get(one.job_id) in {*MAKERS} - {*UNSENT}],
        gone=[one for one in mine if one.job_id not in states],
        task_ids=frozenset(one.provider_task_id for one in unknown.values() if one.provider_task_id),
        missing_accounts=sorted({one.account for one in maybe_again} - accounts),
        is_whole=coverage.is_whole,
    )


def _last(submits: Iterable[JournaledSubmit]) -> list[JournaledSubmit]:
    """Each job's last: the ones before had ended without a task that counts, or it would not have been submitted."""
    by_job = dict[UUID, JournaledSubmit]()
    for submit in sorted(submits, key=lambda one: (one.claimed_at, one.attempt_id)):
        by_job[submit.job_id] = submit
    return list(by_job.values())


def _known(session: Session, attempt_ids: Collection[UUID]) -> set[UUID]:
    """Those that the database knows to have left: a backup of just before that has them as an intent."""
    wanted = literal(list(attempt_ids), ARRAY(Uuid))
    return set(session.scalars(select(Attempt.id).where(Attempt.id == any_(wanted), Attempt.sent_at.is_not(None))))


def _states(session: Session, job_ids: Collection[UUID]) -> dict[UUID, RenderState]:
    wanted = literal(list(job_ids), ARRAY(Uuid))
    rows = session.execute(select(RenderJob.id, RenderJob.state).where(RenderJob.id == any_(wanted)))
    return {row.id: row.state for row in rows}
