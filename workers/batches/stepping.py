"""The next step of a batch, whichever that is; each is harmless when it is taken twice, or by a worker that dies."""

from __future__ import annotations

from collections.abc import Callable
from typing import Final
from uuid import UUID

import structlog

from reelqueue.errors import ConfigurationError
from reelqueue.states import TextBatchState
from workers.batches.creation import create_batch
from workers.batches.following import follow_batch
from workers.batches.lines import close_lines, open_lines
from workers.batches.rows import LeaseLostError, Step, again, keep_step, step_of, take_step, try_later
from workers.batches.search import search_batch
from workers.runtime.context import Context
from workers.texts.decisions import Reason

log = structlog.get_logger(__name__)


def step_batch(context: Context, batch_id: UUID) -> str:
    """Take the next step of a batch, if it is due, and hint at the one after it.

    Args:
        context: The outside world.
        batch_id: The batch.

    Returns:
        What was done, in a few words for people.
    """
    batch = take_step(context, batch_id)
    if batch is None:
        return f"batch={batch_id} not due: nothing done"
    try:
        said = _STEPS[batch.state](context, step_of(context, batch))
    except ConfigurationError as error:
        said = try_later(context, batch, str(error))
    except LeaseLostError:
        said = "another worker goes on with it"
    again(context, batch_id)
    return f"batch={batch_id} {said}"


def _release(context: Context, step: Step) -> str:
    """Give the jobs of a batch that is not at the provider back to their policy."""
    batch = step.batch
    reason = Reason(batch.error_class, batch.error_code, batch.error_message)
    while found := open_lines(context, step.id):
        close_lines(context, dict.fromkeys(found, reason))
        keep_step(context, step)
    with context.sessions.begin() as session:
        now = context.clock.now(session)
        step.write(session, now=now, state=TextBatchState.CLOSED, closed_at=now, problem=None, problem_count=0)
    log.warning("text_batch.released", batch_id=str(step.id), code=batch.error_code, error=batch.error_message)
    return f"closed: {batch.error_code}"


_STEPS: Final[dict[TextBatchState, Callable[[Context, Step], str]]] = {
    TextBatchState.GATHERED: create_batch,
    TextBatchState.CREATING: search_batch,
    TextBatchState.AMBIGUOUS: search_batch,
    TextBatchState.RUNNING: follow_batch,
    TextBatchState.RELEASING: _release,
}
