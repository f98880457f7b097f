"""What the sweep does for batches of text jobs: hints at what is to be gathered, and at steps that are overdue."""

from __future__ import annotations

from datetime import timedelta
from typing import Final

from sqlalchemy import select

from models.text_batch import TextBatch
from reelqueue import messages
from reelqueue.states import TextBatchState
from workers.batches.gathering import ripe_models
from workers.runtime.context import Context

_AT_ONCE: Final = 100


def sweep_batches(context: Context) -> int:
    """Hint at what is due; gives how much that is."""
    with context.sessions() as session:
        now = context.clock.now(session)
        overdue = now - timedelta(seconds=context.settings.celery.overdue_seconds)
        late = select(TextBatch.id).where(TextBatch.state != TextBatchState.CLOSED, TextBatch.next_step_at <= overdue)
        steps = session.scalars(late.order_by(TextBatch.next_step_at).limit(_AT_ONCE)).all()
        models = ripe_models(session, context.settings.batch, now)
    if (steps or models) and context.hints.waiting_count(messages.TEXT_BATCH) >= len(steps) + len(models):
        return 0  # as many hints wait: more would pile up behind busy workers
    for batch_id in steps:
        context.hints.batch(batch_id)
    for model in models:
        context.hints.gather(model)
    return len(steps) + len(models)
