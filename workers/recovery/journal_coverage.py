"""Whether the journal of submits has what this database knows to have left: only then its silence means anything."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Final
from uuid import UUID

from sqlalchemy import select
from sqlalchemy.orm import Session, sessionmaker

from models.attempt import Attempt
from reelqueue.states import AttemptState
from workers.runtime.submit_journal import Journaled, SubmitJournal

_NEWEST: Final = 20
_MARGIN: Final = timedelta(days=1)
"""A line's day is that of its submit; a clock may have been set."""
_MAY_HAVE_MADE_A_TASK: Final = (
    AttemptState.BOUND,
    AttemptState.ADOPTED,
    AttemptState.AMBIGUOUS,
    AttemptState.RECONCILING,
    AttemptState.UNRESOLVED,
    AttemptState.NOT_CREATED,
)


@dataclass(frozen=True)
class JournalCoverage:
    """How many of the newest submits of a database are in the journal."""

    place: str
    known_count: int
    missing_count: int
    damaged_count: int
    """Lines that cannot be read."""

    @property
    def is_whole(self) -> bool:
        """Whether it can be relied on: there are such submits, it has them all, and each line can be read."""
        return self.known_count > 0 and self.is_healthy

    @property
    def is_healthy(self) -> bool:
        """Whether nothing is missing."""
        return not (self.missing_count or self.damaged_count)

    def __str__(self) -> str:
        held = f"{self.known_count - self.missing_count} of the newest {self.known_count} submits"
        damaged = f", and {self.damaged_count} lines that cannot be read" if self.damaged_count else ""
        return f"{self.place} holds {held}{damaged}" if self.known_count else f"{self.place}: nothing was submitted yet"


def read_coverage(sessions: sessionmaker[Session], journal: SubmitJournal) -> JournalCoverage:
    """Compare the newest submits with the journal.

    Args:
        sessions: To read with; none is open while the journal is read.
        journal: Of this process.

    Raises:
        StorageError: It cannot be read.
    """
    with sessions() as session:
        newest = newest_submits(session)
    return coverage_of(journal, newest, journal.read(min(newest.values(), default=datetime.now(UTC)) - _MARGIN))


def newest_submits(session: Session) -> dict[UUID, datetime]:
    """The newest attempts that may have made a task, and when they were claimed."""
    newest = (
        select(Attempt.id, Attempt.created_at)
        .where(Attempt.state.in_(_MAY_HAVE_MADE_A_TASK))
        .order_by(Attempt.id.desc())
        .limit(_NEWEST)
    )
    return {row.id: row.created_at for row in session.execute(newest)}


def coverage_of(journal: SubmitJournal, newest: dict[UUID, datetime], journaled: Journaled) -> JournalCoverage:
    """How much of the newest submits a journal that was read has."""
    missing = sum(one not in journaled.submits for one in newest)
    return JournalCoverage(journal.place or "no journal", len(newest), missing, journaled.damaged_count)
