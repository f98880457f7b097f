"""Whether the journal of submits holds what this database knows to have left: only then its silence means anything."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta
from typing import Final

from sqlalchemy import select
from sqlalchemy.orm import Session

from models.attempt import Attempt
from reelqueue.states import AttemptState
from workers.runtime.submit_journal import SubmitJournal

_NEWEST: Final = 20
_MARGIN: Final = timedelta(days=1)
"""Two hosts' days may begin at different moments, and a clock may have been set."""
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

    @property
    def is_whole(self) -> bool:
        """Whether it can be relied on: there are such submits, and it has them all."""
        return self.known_count > 0 and not self.missing_count

    def __str__(self) -> str:
        if not self.known_count:
            return f"{self.place}: nothing was submitted yet"
        held = self.known_count - self.missing_count
        return f"{self.place} holds {held} of the newest {self.known_count} submits"


def read_coverage(session: Session, journal: SubmitJournal) -> JournalCoverage:
    """Compare the newest submits with the journal.

    Args:
        session: To read with.
        journal: Of this process.

    Raises:
        StorageError: It cannot be read.
    """
    newest = (
        select(Attempt.id, Attempt.created_at)
        .where(Attempt.state.in_(_MAY_HAVE_MADE_A_TASK))
        .order_by(Attempt.id.desc())
        .limit(_NEWEST)
    )
    known = session.execute(newest).all()
    if journal.place is None or not known:
        return JournalCoverage(journal.place or "no journal", len(known), len(known))
    held = journal.read(min(row.created_at for row in known) - _MARGIN).submits
    return JournalCoverage(journal.place, len(known), sum(row.id not in held for row in known))
