"""What the database says now, read and changed as a person with psql would."""

from __future__ import annotations

from decimal import Decimal
from typing import Any
from uuid import UUID

from sqlalchemy import ColumnElement, select, update
from sqlalchemy.orm import Session, sessionmaker

from models import (
    Account,
    Asset,
    Attempt,
    Base,
    JobEvent,
    LedgerEntry,
    PollLane,
    ProviderTask,
    RenderJob,
    Slot,
    SubmitLane,
)
from models.ledger_entry import SPENT_KINDS
from reelqueue.states import RenderState


class Rows:
    """Each call is a transaction of its own, so that it never stands in the way of the code under test."""

    def __init__(self, sessions: sessionmaker[Session]) -> None:
        self.sessions = sessions

    def job(self, job_id: UUID) -> RenderJob:
        """A job."""
        with self.sessions.begin() as session:
            return session.get_one(RenderJob, job_id)

    def state(self, job_id: UUID) -> RenderState:
        """A job's state."""
        return self.job(job_id).state

    def attempts(self, job_id: UUID) -> list[Attempt]:
        """A job's attempts, by number."""
        return self._of(Attempt, Attempt.job_id == job_id, Attempt.number)

    def tasks(self, job_id: UUID) -> list[ProviderTask]:
        """A job's provider tasks, oldest first."""
        return self._of(ProviderTask, ProviderTask.job_id == job_id, ProviderTask.id)

    def assets(self, job_id: UUID) -> dict[str, Asset]:
        """A job's files, by kind."""
        return {asset.kind.value: asset for asset in self._of(Asset, Asset.job_id == job_id, Asset.kind)}

    def has_slot(self, job_id: UUID) -> bool:
        """Whether a job holds a slot."""
        return bool(self._of(Slot, Slot.job_id == job_id, Slot.leased_at))

    def events(self, job_id: UUID, kind: str | None = None) -> list[JobEvent]:
        """What happened to a job, oldest first."""
        events: list[JobEvent] = self._of(JobEvent, JobEvent.job_id == job_id, JobEvent.id)
        return [event for event in events if kind in {None, event.kind}]

    def path(self, job_id: UUID) -> list[str]:
        """The states that a job went through."""
        return [str(event.to_state) for event in self.events(job_id, "state")]

    def account(self) -> Account:
        """The only account."""
        with self.sessions.begin() as session:
            return session.scalars(select(Account)).one()

    def lane(self) -> PollLane:
        """The only account's poll chain."""
        with self.sessions.begin() as session:
            return session.scalars(select(PollLane)).one()

    def entries(self, job_id: UUID) -> list[LedgerEntry]:
        """What was entered for a job, in order."""
        return self._of(LedgerEntry, LedgerEntry.job_id == job_id, LedgerEntry.id)

    def spent(self, job_id: UUID) -> Decimal:
        """What a job cost, written off included."""
        return sum((e.amount for e in self.entries(job_id) if e.kind in SPENT_KINDS and e.amount), Decimal(0))

    def submit_lane(self) -> SubmitLane:
        """The only account's lane of the only model."""
        with self.sessions.begin() as session:
            return session.scalars(select(SubmitLane)).one()

    def change(self, table: type[Base], *conditions: Any, **values: Any) -> None:
        """Change rows behind the code's back."""
        with self.sessions.begin() as session:
            session.execute(update(table).where(*conditions).values(**values))

    def _of(self, table: type[Any], condition: ColumnElement[bool], order: object) -> list[Any]:
        with self.sessions.begin() as session:
            return list(session.scalars(select(table).where(condition).order_by(order)))
