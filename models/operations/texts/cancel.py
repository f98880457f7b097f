"""Stopping a text job: free while it waits, billed as far as it came where it is being answered."""

from __future__ import annotations

from datetime import datetime
from uuid import UUID

from sqlalchemy import select, update
from sqlalchemy.orm import Session

from models.operations.texts.transitions import move_text
from models.text_job import TextJob
from reelqueue.states import TextState

_WAITING = (TextState.QUEUED, TextState.HELD)


def request_text_cancel(session: Session, job_id: UUID, *, now: datetime, abandon_running: bool = False) -> bool:
    """Stop a text job, or ask for it.

    Args:
        session: In a transaction; the caller commits.
        job_id: The job.
        now: Time of the request.
        abandon_running: What to do if it is being answered: give the answer up, which is billed as far as it came
            (True), or let it end (False).

    Returns:
        False if it goes on: it has ended, or is being answered and is not to be given up.
    """
    # Locked first: a job that moves between two looks for a state would slip through both.
    session.execute(select(TextJob.id).where(TextJob.id == job_id).with_for_update(key_share=True))
    if move_text(session, job_id, _WAITING, TextState.CANCELLED, now=now, cancel_requested_at=now):
        return True
    if not abandon_running:
        return False
    # The worker that reads its answer looks for this; should it come back to the queue, it is cancelled there.
    marked = session.execute(
        update(TextJob)
        .where(TextJob.id == job_id, TextJob.state == TextState.RUNNING)
        .values(cancel_requested_at=now)
        .returning(TextJob.id)
        .execution_options(synchronize_session=False)
    )
    return marked.first() is not None
