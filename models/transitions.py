"""The one way in which a render job changes its state.

A move is an ``UPDATE`` guarded by the state (and the epoch, where a claim is at stake) and an event
row, in one transaction; where it is a terminal one, with what webhooks are to tell of it. Nobody moves a
job that somebody else has moved meanwhile.
"""

from __future__ import annotations

from collections.abc import Collection
from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import insert, select, update
from sqlalchemy.orm import Session

from models.job_event import JobEvent
from models.render_job import RenderJob
from models.webhook_delivery import announce
from reelqueue.states import MOVES, TERMINAL, RenderState


def move(
    session: Session,
    job_id: UUID,
    from_states: Collection[RenderState],
    to_state: RenderState,
    *,
    now: datetime,
    epoch: int | None = None,
    epoch_to: int | None = None,
    detail: dict[str, Any] | None = None,
    **values: Any,
) -> RenderState | None:
    """Move a job, if it still stands where the caller saw it.

    Args:
        session: In a transaction; the caller commits.
        job_id: The job.
        from_states: States it may be in; each must allow the move.
        to_state: Where it goes.
        now: Time of the move.
        epoch: The caller's claim; another epoch means that the job has a new owner.
        epoch_to: The new epoch, where the move begins a claim.
        detail: Small facts for the event; no prompt, URL or key.
        **values: Other columns of the job that change with it.

    Returns:
        The state it left, or None if it did not move: somebody else was first.

    Raises:
        ValueError: :data:`reelqueue.states.MOVES` forbids the move: a bug.
    """
    forbidden = [state for state in from_states if to_state not in MOVES[state]]
    if forbidden:
        raise ValueError(f"a render job never moves from {', '.join(forbidden)} to {to_state}")
    conditions = [RenderJob.id == job_id, RenderJob.state.in_(from_states)]
    if epoch is not None:
        conditions.append(RenderJob.epoch == epoch)
    # As weak as the UPDATE: a lock that also shuts out the foreign keys of another's insert would deadlock with it.
    locked = select(RenderJob.state).where(*conditions).with_for_update(key_share=True)
    left = session.scalars(locked).one_or_none()
    if left is None:
        return None
    if to_state in TERMINAL:
        values["finished_at"] = now
    if epoch_to is not None:
        values["epoch"] = epoch_to
    session.execute(
        update(RenderJob)
        .where(RenderJob.id == job_id)
        .values(state=to_state, **values)
        .execution_options(synchronize_session=False)
    )
    record(session, job_id, "state", now=now, from_state=left, to_state=to_state, detail=detail)
    if to_state in TERMINAL:
        announce(session, job_id, to_state, now=now)
    return left


def record(
    session: Session,
    job_id: UUID,
    kind: str,
    *,
    now: datetime,
    from_state: RenderState | None = None,
    to_state: RenderState | None = None,
    detail: dict[str, Any] | None = None,
) -> None:
    """Append to a job's history."""
    session.execute(
        insert(JobEvent).values(
            job_id=job_id, at=now, kind=kind, from_state=from_state, to_state=to_state, detail=detail or {}
        )
    )
