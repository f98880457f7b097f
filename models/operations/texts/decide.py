"""A person's decision on a held text job, whose answer was lost and may be billed."""

from __future__ import annotations

from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import select
from sqlalchemy.orm import Session

from models.operations.texts.attempts import billed_count, calls_allowed
from models.operations.texts.transitions import move_text
from models.text_job import TextJob
from reelqueue.states import TextState

_HELD = (TextState.HELD,)


def decide_held_text(session: Session, job_id: UUID, *, now: datetime, ask_again: bool) -> bool:
    """Let a held job be asked once more, which may be paid a second time, or end it as failed.

    Args:
        session: In a transaction; the caller commits, and sends a hint where it is asked again.
        job_id: The job.
        now: Time of the decision.
        ask_again: True: it goes back to the queue; False: it has failed as it was held.

    Returns:
        False if it is not held.
    """
    if not ask_again:
        return move_text(session, job_id, _HELD, TextState.FAILED, now=now) is not None
    held = select(TextJob).where(TextJob.id == job_id).with_for_update(key_share=True)
    job = session.scalars(held.execution_options(populate_existing=True)).one()
    # One that was held before all its calls were made, as its workers died, has the rest of them still.
    is_spent = billed_count(session, job_id) >= calls_allowed(job.on_lost_answer, job.retry_count)
    values: dict[str, Any] = {
        "retry_count": job.retry_count + is_spent,
        "failure_class": None,
        "failure_code": None,
        "failure_message": None,
        "not_before_at": None,
    }
    return move_text(session, job_id, _HELD, TextState.QUEUED, now=now, **values) is not None
