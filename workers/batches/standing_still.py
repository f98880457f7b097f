"""The doctor's check of batches of text jobs: those that stand still."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime, timedelta
from typing import Final

from sqlalchemy import and_, or_, select
from sqlalchemy.orm import Session

from models.text_batch import TextBatch
from reelqueue.states import TextBatchState

_PROBLEMS: Final = 3
"""So many steps in a row fail only where something is wrong."""
_LONG_DOUBT: Final = timedelta(minutes=15)
_BATCHES_SHOWN: Final = 10


def batch_troubles(session: Session, now: datetime) -> Iterator[tuple[str, str, str]]:
    """Batches whose steps fail, or of which nothing is known: subject, what was seen, and what to do."""
    failing = and_(TextBatch.problem_count >= _PROBLEMS, TextBatch.problem.is_not(None))
    in_doubt = and_(TextBatch.state == TextBatchState.AMBIGUOUS, TextBatch.sent_at < now - _LONG_DOUBT)
    overdue = TextBatch.next_step_at < now - _LONG_DOUBT
    stuck = select(TextBatch).where(TextBatch.state != TextBatchState.CLOSED, or_(failing, in_doubt, overdue))
    for batch in session.scalars(stuck.order_by(TextBatch.id).limit(_BATCHES_SHOWN)):
        since = f"{batch.created_at:%Y-%m-%d %H:%M} UTC: {batch.problem or 'no worker has taken its next step'}"
        yield (
            f"batch {batch.id}",
            f"{batch.line_count} text jobs of {batch.model} are {batch.state} since {since}",
            f"look for {batch.name} in the provider's console; nothing is sent twice, and it goes on by itself",
        )
