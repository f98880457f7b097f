"""A cancel that has to wait until its job is back in the queue."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final
from uuid import UUID

from sqlalchemy import select
from sqlalchemy.orm import Session

from models.render_job import RenderJob
from reelqueue.failure_codes import FailureCode

WHY_SUPERSEDED: Final[Mapping[str, Any]] = {
    "failure_code": FailureCode.SUPERSEDED,
    "failure_message": "its row was changed: another job replaces it",
    "is_awaiting": False,
}
"""Columns of a job that is cancelled because its row was changed."""


def pending_cancel(session: Session, job_id: UUID) -> Mapping[str, Any] | None:
    """Columns that change as a queued job is cancelled after all; None if nothing asks for that.

    Args:
        session: In the transaction that moved the job to the queue.
        job_id: The job, which a user may have cancelled, or whose row may have changed, while it was being submitted.
    """
    wanted = select(RenderJob.cancel_requested_at, RenderJob.superseded_at).where(RenderJob.id == job_id)
    cancel_requested_at, superseded_at = session.execute(wanted).one()
    if cancel_requested_at is not None:
        return {}
    return WHY_SUPERSEDED if superseded_at is not None else None
