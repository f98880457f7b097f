"""Chained clips: a job that must not begin before another has ended, or begins with that one's last picture."""

from __future__ import annotations

from typing import Any
from uuid import UUID

from sqlalchemy import select, update
from sqlalchemy.orm import Session

from models.render_job import RenderJob
from reelqueue.failure_codes import FailureCode
from reelqueue.states import RenderState


def mark_ready(session: Session, job_id: UUID, state: RenderState) -> list[UUID]:
    """Let the jobs that waited for one begin, now that it has ended.

    Args:
        session: In the transaction of its terminal move.
        job_id: The job that has ended.
        state: How it ended.

    Returns:
        Those that can never begin, because the picture that they begin with was not made.
    """
    waiting = (RenderJob.after_job_id == job_id, RenderJob.is_awaiting)
    can_begin = () if state is RenderState.SUCCEEDED else (~RenderJob.is_continued,)
    session.execute(
        update(RenderJob)
        .where(*waiting, *can_begin)
        .values(is_awaiting=False)
        .execution_options(synchronize_session=False)
    )
    return list(session.scalars(select(RenderJob.id).where(*waiting, RenderJob.state == RenderState.QUEUED)))


def predecessor_failed(session: Session, job_id: UUID, state: RenderState) -> dict[str, Any]:
    """What a continued clip says that ends because of another's end: which one, by the name that its owner gave it."""
    custom_id = session.scalars(select(RenderJob.custom_id).where(RenderJob.id == job_id)).one()
    named = f"clip {custom_id!r}" if custom_id is not None else f"render job {job_id}"
    return {
        "failure_code": FailureCode.PREDECESSOR_FAILED,
        "failure_message": f"it begins with the last frame of {named}, which ended as {state}; "
        "retry that one, and this one with it",
    }
