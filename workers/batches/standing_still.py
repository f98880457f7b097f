"""The doctor's check of batches of text jobs: those that stand still, and jobs that none is made of."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime, timedelta
from typing import Final

from sqlalchemy import and_, or_, select
from sqlalchemy.orm import Session

from models.text_batch import TextBatch
from reelqueue.states import TextBatchState
from workers.batches.load import batch_loads

_PROBLEMS: Final = 3
"""So many steps in a row fail only where something is wrong."""
_LONG_DOUBT: Final = timedelta(minutes=15)
_BATCHES_SHOWN: Final = 10
_SEE: Final = "(docs/texts.md#a-batch-that-stands-still)"
_GATHER: Final = (
    "see that a worker takes the queue batch (python -m workers texts status), and that no account is paused (python "
    "-m workers accounts list)"
)


def batch_troubles(session: Session, now: datetime) -> Iterator[tuple[str, str, str]]:
    """Jobs that no worker gathers, and batches whose steps fail or of which nothing is known.

    Args:
        session: Only read.
        now: The time.

    Yields:
        Subject, what was seen, and what to do.
    """
    for model, load in sorted(batch_loads(session, now).items()):
        if load.oldest_waiting_seconds > _LONG_DOUBT.total_seconds():
            since = now - timedelta(seconds=load.oldest_waiting_seconds)
            yield (
                f"batches of {model}",
                f"{load.waiting} text jobs wait to be gathered, the oldest since {since:%Y-%m-%d %H:%M} UTC",
                _GATHER,
            )
    failing = and_(TextBatch.problem_count >= _PROBLEMS, TextBatch.problem.is_not(None))
    in_doubt = and_(TextBatch.state == TextBatchState.AMBIGUOUS, TextBatch.sent_at < now - _LONG_DOUBT)
    overdue = TextBatch.next_step_at < now - _LONG_DOUBT
    stuck = select(TextBatch).where(TextBatch.state != TextBatchState.CLOSED, or_(failing, in_doubt, overdue))
    for batch in session.scalars(stuck.order_by(TextBatch.id).limit(_BATCHES_SHOWN)):
        at = batch.created_at
        if batch.state is TextBatchState.AMBIGUOUS and batch.sent_at is not None:
            at = batch.sent_at
        seen = f"{at:%Y-%m-%d %H:%M} UTC: {batch.problem or 'no worker has taken its next step'}"
        yield (
            f"batch {batch.id}",
            f"{batch.line_count} text jobs of {batch.model} are {batch.state} since {seen}",
            f"look for {batch.name} in the provider's console; nothing is sent twice, and it goes on by itself {_SEE}",
        )
