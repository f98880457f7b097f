"""Reading, closing and keeping the submit gates: no account is submitted to from a database that went back in time.

A gate is closed, and the provider's task list is compared, when

* Postgres has another system identifier or timeline, or the tables are other ones (a restore, a failover): `restored`;
* the Postgres server was started again, its clock was set, or no worker has dispatched for five minutes: `restarted`.
  A data directory that was put back looks like that; so does an ordinary night.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Final
from uuid import UUID

from sqlalchemy import select, text
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.orm import Session

from models.account import Account
from models.attempt import Attempt
from models.operations.scheduling.account_limits import offers
from models.render_job import RenderJob
from models.submit_gate import SubmitGate
from reelqueue.states import UNSENT

_KEPT_EVERY: Final = timedelta(seconds=20)
STALE_AFTER: Final = timedelta(minutes=5)
"""A database whose last dispatch is older may have gone back in time, or nothing ran."""
_CLOCK_SET_BACK: Final = timedelta(hours=22)
"""How far back the record is doubted where the database's clock was set back: nearly all that the list can show."""
ANY_MODEL: Final = ""
"""Key of held tasks whose model the list does not tell."""
_BY_OPERATOR: Final = "opened by an operator"


class Cause(StrEnum):
    """Why a gate was closed."""

    RESTARTED = "restarted"
    """The server, or every worker, was away for a while."""
    RESTORED = "restored"
    """It is another database than before: a backup, a copy, or a replica that took over."""


@dataclass(frozen=True)
class DatabaseIdentity:
    """Which database this is, as far as Postgres can tell."""

    database_id: str
    server_started_at: datetime


_OBJECTS: Final = text("""
SELECT pg_postmaster_start_time() AS started_at,
       (SELECT oid::text FROM pg_database WHERE datname = current_database()) AS database_oid,
       'submit_gates'::regclass::oid::text AS table_oid,
       -- Of the log that is being written: the control file names a promoted server's timeline minutes later.
       CASE WHEN NOT pg_is_in_recovery() THEN left(pg_walfile_name(pg_current_wal_lsn()), 8) END AS timeline,
       has_function_privilege('pg_control_system()', 'execute') AS may_read_control
""")
_SYSTEM: Final = text("SELECT system_identifier::text FROM pg_control_system()")


def database_identity(session: Session) -> DatabaseIdentity:
    """The identity of the database that a session talks to; what a hosted server does not tell is left out."""
    objects = session.execute(_OBJECTS).one()
    facts = {"database": objects.database_oid, "table": objects.table_oid, "timeline": objects.timeline}
    if objects.may_read_control:
        facts["system"] = session.scalars(_SYSTEM).one()
    named = " ".join(f"{name}={value}" for name, value in sorted(facts.items()))
    return DatabaseIdentity(named, objects.started_at)


def must_close(gate: SubmitGate, identity: DatabaseIdentity, now: datetime) -> bool:
    """Whether a gate cannot be trusted as it is stored."""
    is_here = (gate.database_id, gate.server_started_at) == (identity.database_id, identity.server_started_at)
    is_stale = gate.is_open and (gate.alive_at is None or abs(now - gate.alive_at) > STALE_AFTER)
    return not is_here or is_stale


def may_be_restored(session: Session, gates: Collection[SubmitGate], identity: DatabaseIdentity) -> bool:
    """Whether the backup of a gate that was never opened may be older than its account's first submit.

    So it is where another gate of the database was restored, and where attempts were made although no gate was ever
    opened. A new installation has neither, and an account that is added to a running one has a neighbour that is open.

    Args:
        session: To read with.
        gates: All of the database, as they were before any of them was closed.
        identity: Of this database.
    """
    here = [gate for gate in gates if gate.database_id == identity.database_id]
    if any(gate.database_id is not None and gate not in here for gate in gates):
        return True
    if any(gate.cause == Cause.RESTORED for gate in here):
        return True
    was_opened = any(gate.known_until is not None for gate in here)
    return not was_opened and session.scalars(select(Attempt.id).limit(1)).first() is not None


def close_gate(
    gate: SubmitGate, identity: DatabaseIdentity, now: datetime, *, was_used_elsewhere: bool = False
) -> None:
    """Close a gate until the provider's list has been compared; a restore is not forgotten over a restart.

    Args:
        gate: The gate, locked.
        identity: Of this database.
        now: By its clock.
        was_used_elsewhere: Whether a gate that was never opened counts as restored (:func:`may_be_restored`).
    """
    is_other = was_used_elsewhere if gate.database_id is None else gate.database_id != identity.database_id
    was_restored = not gate.is_open and gate.cause == Cause.RESTORED
    gate.cause = Cause.RESTORED if is_other or was_restored else Cause.RESTARTED
    gate.database_id, gate.server_started_at = identity.database_id, identity.server_started_at
    gate.is_open, gate.closed_at, gate.check_at = False, now, now
    if gate.known_until is not None and gate.known_until > now:
        gate.known_until = now - _CLOCK_SET_BACK
    gate.reason = "the provider's task list has not been compared yet"


def open_gate(gate: SubmitGate, now: datetime, *, by_operator: bool = False) -> None:
    """Take submits again: everything that the list shows is on record, or known not to be ours."""
    gate.is_open, gate.alive_at, gate.known_until = True, now, now
    gate.held_tasks, gate.check_at, gate.cause = {}, None, None
    gate.reason = _BY_OPERATOR if by_operator else None


def lock_gates(session: Session, account_ids: Collection[UUID]) -> Sequence[SubmitGate]:
    """The gates of some accounts, locked by account id: in the one order in which several are ever locked."""
    mine = select(SubmitGate).where(SubmitGate.account_id.in_(account_ids)).order_by(SubmitGate.account_id)
    return session.scalars(mine.with_for_update().execution_options(populate_existing=True)).all()


def ensure_gate(session: Session, account_id: UUID) -> SubmitGate:
    """An account's gate, locked; made closed if there is none."""
    session.execute(insert(SubmitGate).values(account_id=account_id).on_conflict_do_nothing())
    mine = select(SubmitGate).where(SubmitGate.account_id == account_id)
    return session.scalars(mine.with_for_update().execution_options(populate_existing=True)).one()


@dataclass(frozen=True)
class Openings:
    """Which models each account may be submitted, in the transaction that read them."""

    open_gates: dict[UUID, SubmitGate]
    closed_gates: dict[UUID, SubmitGate]
    session: Session = field(repr=False)
    _read: dict[UUID, Account] = field(default_factory=dict, init=False, repr=False, compare=False)

    @property
    def accounts(self) -> dict[UUID, Account]:
        """Every account; read once, and only when something is held back.

        Not by ``functools.cached_property``: before Python 3.12 its lock is one for all instances, and would be held
        while this thread waits for the database and another one, which has what it waits for, waits for the lock.
        """
        if not self._read:
            self._read.update((one.id, one) for one in self.session.scalars(select(Account)))
        return self._read

    def lets(self, account_id: UUID, model: str) -> bool:
        """Whether a job of a model may be submitted to an account."""
        return account_id in self.open_gates and self.is_compared(model)

    def is_compared(self, model: str) -> bool:
        """Whether no task of a model can be left that this database has forgotten.

        A job that was rolled back may have been submitted to any account that renders its model, so a closed gate
        counts at every account; that of an account which never took a submit does not.
        """
        was_used = (
            one
            for one, gate in self.closed_gates.items()
            if gate.known_until is not None or gate.cause == Cause.RESTORED
        )
        is_held = any(gate.held_tasks.keys() & {model, ANY_MODEL} for gate in self._all())
        return not is_held and not any(offers(self.accounts[one], model) for one in was_used)

    @property
    def is_whole(self) -> bool:
        """Whether every account was compared, and nothing is held."""
        is_held = any(gate.held_tasks for gate in self.open_gates.values())
        return self.open_gates.keys() == self.accounts.keys() and not is_held

    def cause_of_hold(self, accounts: Iterable[Account], model: str) -> Cause | None:
        """Why the gates let no job of a model be submitted to any of some accounts; None if they let, or are none."""
        wanted = [one for one in accounts if self.has_gate(one.id)]
        if not wanted or any(self.lets(one.id, model) for one in wanted):
            return None
        is_restored = any(gate.cause == Cause.RESTORED for gate in self._all())
        return Cause.RESTORED if is_restored else Cause.RESTARTED

    def has_gate(self, account_id: UUID) -> bool:
        """Whether a dispatch has seen the account; before that, nothing is known of it."""
        return account_id in self.open_gates or account_id in self.closed_gates

    def _all(self) -> Iterable[SubmitGate]:
        return (*self.open_gates.values(), *self.closed_gates.values())


def read_openings(session: Session, now: datetime) -> Openings:
    """The gates as they are in this database; one that was opened in another is closed."""
    identity = database_identity(session)
    return _openings(session, lambda gate: gate.is_open and not must_close(gate, identity, now))


def models_not_compared(session: Session, now: datetime) -> list[str]:
    """Models of waiting jobs of which a task may be left that this database has forgotten: none of them may end yet."""
    openings = read_openings(session, now)
    if openings.is_whole:
        return []
    waiting = RenderJob.state.in_(UNSENT)
    found = session.scalars(select(RenderJob.model).where(waiting).distinct()).all()
    missing = [account for one, account in openings.accounts.items() if not openings.has_gate(one)]
    return [
        model
        for model in found
        if not openings.is_compared(model) or any(offers(account, model) for account in missing)
    ]


def _openings(session: Session, is_open: Callable[[SubmitGate], bool]) -> Openings:
    gates = session.scalars(select(SubmitGate).execution_options(populate_existing=True)).all()
    opened = {gate.account_id: gate for gate in gates if is_open(gate)}
    return Openings(opened, {gate.account_id: gate for gate in gates if gate.account_id not in opened}, session)


def keep_alive(session: Session, openings: Openings, now: datetime) -> None:
    """Note that a dispatch happened, every 20 s: what is older is on record."""
    late = [one for one, gate in openings.open_gates.items() if gate.alive_at and now - gate.alive_at > _KEPT_EVERY]
    if not late:
        return
    for gate in lock_gates(session, late):
        gate.alive_at = now
        if not gate.held_tasks:
            gate.known_until = now


@dataclass(frozen=True)
class Obstacle:
    """Why an account takes no submits, or not those of some models."""

    account: str
    models: list[str] | None
    """None: of no model."""
    reason: str


def obstacles(session: Session, now: datetime) -> list[Obstacle]:
    """What the gates hold back; empty where everything may be submitted."""
    openings = read_openings(session, now)
    name = {one: account.name for one, account in openings.accounts.items()}
    closed = [
        Obstacle(name[one], None, gate.reason or "the provider's task list has not been compared yet")
        for one, gate in openings.closed_gates.items()
    ]
    held = [
        Obstacle(name[one], sorted(gate.held_tasks), gate.reason or "listed tasks may belong to waiting jobs")
        for one, gate in openings.open_gates.items()
        if gate.held_tasks
    ]
    return closed + held
