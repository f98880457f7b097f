"""Stopping a render job, in two phases where the provider already has it.

It never lies about what is still billed: a task that the provider is rendering cannot be stopped
there, so the job says ``cancelling`` until the provider has answered for it.
"""

from __future__ import annotations

from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import select, update
from sqlalchemy.orm import Session

from models.operations.jobs.transitions import move, record
from models.render_job import RenderJob
from reelqueue.states import UNSENT, RenderState


def request_cancel(session: Session, job_id: UUID, *, now: datetime, abandon_running: bool = False) -> bool:
    """Stop a job, or ask for it.

    Args:
        session: In a transaction; the caller commits and then sends a dispatch hint.
        job_id: The job.
        now: Time of the request.
        abandon_running: What to do if the provider is rendering already: leave the video there, paid
            for (True), or collect it after all (False).

    Returns:
        False if the job is past stopping: final, archiving, or waiting for a person's review because
        it is unknown yet whether its paid task exists.
    """
    # Locked first: a job that moves between two looks for a state would slip through both.
    session.execute(select(RenderJob.id).where(RenderJob.id == job_id).with_for_update(key_share=True))
    stopped: dict[str, Any] = {"cancel_requested_at": now, "abandon_running": abandon_running}
    if move(session, job_id, UNSENT, RenderState.CANCELLED, now=now, **stopped):
        return True
    if move(session, job_id, [RenderState.RENDERING], RenderState.CANCELLING, now=now, next_poll_at=now, **stopped):
        return True
    return _mark_claimed(session, job_id, now=now, abandon_running=abandon_running)


def _mark_claimed(session: Session, job_id: UUID, *, now: datetime, abandon_running: bool) -> bool:
    """Note the wish on a job that is between two of our own steps, or is being cancelled already."""
    marked = session.execute(
        update(RenderJob)
        .where(RenderJob.id == job_id, RenderJob.state.in_([RenderState.SUBMITTING, RenderState.CANCELLING]))
        .values(cancel_requested_at=now, abandon_running=abandon_running)
        .returning(RenderJob.id)
        .execution_options(synchronize_session=False)
    ).first()
    if marked is None:
        return False
    record(session, job_id, "cancel_requested", now=now, detail={"abandon_running": abandon_running})
    return True
